// SPDX-License-Identifier: Apache-2.0
// Random traces that make sense. A seed chooses a topology, weights for what is done (swarm
// testing: every seed leaves something out and does something else often), and then sentence by
// sentence what the lanes do. The specification is asked before each operation what it could
// return now; what cannot succeed is kept only where a mistake was meant. So most operations
// succeed, most reads bind, and errors are still tried.
//
// Invariants of what is generated:
//   G1  Legal (check.h), at most GenerateOptions::operations operations and what ends them.
//   G2  Only the first lane changes devices; the others do I/O on devices that nobody removes. So
//       no lane can wait for ever, however the lanes interleave.
//   G3  What is suspended is resumed by the lane that suspended it; until then that lane does only
//       async I/O on it and on what stands upon it.
//   G4  An era is never loaded while it is live nor asked for its status while it is suspended:
//       the stock kernel's bugs E and F have traces of their own, a hang here would hide others.
//   G5  The same seed and options give the same trace as long as the specification's legal() and
//       expected() answer the same. A stored trace, not its seed, is what a bundle keeps.
// Pure functions.
#pragma once

#include "models/trace/trace.h"

namespace bioscope {

struct GenerateOptions {
  u32 operations = 28;           // bound before the ending: joins, final reads
  u32 lanes = 3;                 // at most
  u32 mistake_percent = 8;       // share of sentences that are meant to be refused
  u32 broken_percent = 4;        // share of snapshots taken without suspending the origin (R74)
  bool controlled_disks = true;  // with holds
};

Trace generate(u64 seed, const GenerateOptions& options = {});

}  // namespace bioscope
