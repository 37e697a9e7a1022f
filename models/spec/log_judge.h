// SPDX-License-Identifier: Apache-2.0
// R51: may a log of log-writes hold these entries, in this order, given what was done through the
// target? Pure; sound, not complete.
//
// Everything that can come into the log enters the list of what is logged at some moment, and the
// log has the order of that list. What is known of the moment is a window between two events:
//   W1  A write with FUA, a flush and a mark enter between their invoke and their return.
//   W2  Another write, and a discard, enters with a flush that was sent after it had completed, or
//       when the target goes. So not before a flush that had not returned yet at its invoke was
//       invoked; and not after the return of a flush that was invoked after it had returned.
//   W3  The last mark enters between the invoke and the return of what ended the target.
//   W4  A write that had returned when a flush was invoked stands before that flush.
// An entry whose window ends before that of an earlier one begins is out of order; a certain one
// that is missing although one that has to stand behind it is there was lost. Flushes have no name,
// so they are counted.
#pragma once

#include <string>
#include <vector>

#include "models/spec/log_text.h"

namespace bioscope::spec {

inline constexpr u64 kNever = ~u64{0};
inline constexpr std::string_view kEndMark = "dm-log-writes-end";

// An operation that may have come through the target. Times are numbers of events.
struct LogItem {
  OperationId id = 0;
  LoggedKind kind = LoggedKind::Write;
  Range range;  // of the logged device
  bool fua = false;
  std::string mark;
  u64 invoked = 0;
  u64 returned = kNever;
  bool certain = false;   // it succeeded, whole, and went through the target and nothing else
  u32 flushes_least = 0;  // how many flushes it sent
  u32 flushes_most = 0;
};

struct LogFacts {
  std::vector<LogItem> items;
  u64 going = kNever;  // invoke and return of what ended the target
  u64 gone = kNever;
  bool foreign = false;  // something else may have written through the target as well
  bool may_be_full = false;
};

// What is wrong, in one sentence; empty: nothing.
std::string judge_log(const LogFacts& facts, const std::vector<LoggedEntry>& entries);

// The log of a subject that logs everything at once, with no more than the super block counts.
std::vector<LoggedEntry> expected_log(const LogFacts& facts, u64 seed);

}  // namespace bioscope::spec
