// SPDX-License-Identifier: Apache-2.0
// Where a request-based disk cuts a bio: __bio_split_to_limits(), block/blk-merge.c. Pure.
//
// Invariants:
//   L1  The answer is 0 (it fits whole), or 0 < n < sectors: parts tile the bio, none is empty and
//       each is strictly smaller than what was left (P11).
//   L2  A read or write: at most max_sectors, not across a multiple of chunk_sectors; then down to
//       an end that is aligned to the physical block, else to the logical block (R15); not across a
//       gap of the virtual boundary, max_segments or segments larger than max_segment_bytes,
//       rounded down to the logical block (R16).
//       Limits that contradict each other so that no block fits: one logical block all the same.
//   L3  A discard: at most max_discard_sectors rounded down to the granularity, with the next start
//       aligned to it (R17); not split where that leaves nothing. Write zeroes: at most
//       max_write_zeroes_sectors (R18).
#pragma once

#include "models/interposer/block/bio.h"
#include "models/interposer/block/queue_limits.h"

namespace bioscope::blk {

// The sectors of the first piece, 0 if the bio fits. REQUIRES: the queue offers the operation.
u64 split_point(const Bio& bio, const QueueLimits& limits);

}  // namespace bioscope::blk
