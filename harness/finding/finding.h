// SPDX-License-Identifier: Apache-2.0
// A finding: something a subject did that the specification does not allow, or that broke a
// documented precondition and was silently wrong. Checks find; the gate classifies.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/trace/history.h"
#include "models/trace/trace.h"

namespace bioscope {

enum class FindingKind : u8 {
  Violation,  // a rule or property broken, a crash, a hang, a splat, a leak
  Hazard,     // the trace broke a documented precondition and the outcome was silently wrong
  NotJudged,  // could not be decided; never counts as passed
};

// What makes two findings the same one: no sector, no time, no seed.
struct Signature {
  std::string rule;       // "R74", "P2", "hang", "splat:BUG", "leak"
  std::string target;     // dm target type concerned, "snapshot"; empty if none
  std::string operation;  // keyword of the operation
  std::string place;      // innermost telling kernel symbol of a stack; empty without one
  auto operator<=>(const Signature&) const = default;
};

// "R65/snapshot/read" or "hang/era/resume/dm_swap_table".
std::string to_text(const Signature& signature);

struct Evidence {
  u64 sector = 0;  // in the numbers of the device that was read
  Sector seen;
  std::vector<Sector> legal;  // what it could have been; a few of them if there are many
};

struct Finding {
  FindingKind kind = FindingKind::Violation;
  Signature signature;
  std::string trace_name;
  u64 seed = 0;
  std::optional<OperationId> operation;  // where it showed
  std::string message;                   // one sentence for a person, with device, chunk, stamp
  std::vector<Evidence> evidence;
  std::string stack;  // of a hang or splat, as the console has it
  std::string splat;  // the console's lines
};

std::string_view word_of(FindingKind kind);

}  // namespace bioscope
