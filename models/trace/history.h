// SPDX-License-Identifier: Apache-2.0
// A history: what was invoked and what returned, in which lane, in which order, with which data.
// It is all that a check ever sees of a subject. Value types.
#pragma once

#include <string>
#include <vector>

#include "models/base/hash.h"
#include "models/base/stamp.h"
#include "models/trace/capability.h"
#include "models/trace/hop.h"
#include "models/trace/trace.h"

namespace bioscope {

// `count` sectors. A Stamp is that of the first; those behind it count its sector up by one each.
struct SectorRun {
  u64 count = 0;
  Sector first;
  bool operator==(const SectorRun&) const = default;
};
using SectorRuns = std::vector<SectorRun>;

// Appends one sector, lengthening the last run where it continues it.
void append_sector(SectorRuns& runs, const Sector& sector);
u64 count_sectors(const SectorRuns& runs);
// REQUIRES: index < count_sectors(runs).
Sector sector_at(const SectorRuns& runs, u64 index);

enum class EventKind : u8 {
  Invoke,  // the operation was handed to the subject
  Return,  // it came back
  Held,    // a request matched a hold of the disk script (operation = index of the step)
  Done,    // a held request was completed (operation = index of the step)
  Cut,     // power went off
};

struct Event {
  u64 tick = 0;  // one total order over all lanes; no wall time
  u16 lane = 0;
  OperationId operation = 0;
  EventKind kind = EventKind::Invoke;
  int error = 0;          // Return: 0 or a positive errno
  u64 count_sectors = 0;  // Return of I/O: sectors transferred; less than asked for is "short"
  SectorRuns data;        // Return of a read: what was read
  std::string text;       // Return of status, table, deps, info, era-dump, log-dump, fsck: what was said
  bool operator==(const Event&) const = default;
};

enum class HistoryEnd : u8 {
  Completed,
  Hung,       // an operation did not return within its bound
  Crashed,    // the subject died
  NotJudged,  // host trouble, or a bound was reached that decides nothing
};

// Something that did not go back to what it was before the trace.
struct Leftover {
  std::string what;  // "mapped devices", "holders of d0", "open count of d0", "freeze depth of d0"
  i64 before = 0;
  i64 after = 0;
  bool operator==(const Leftover&) const = default;
};

struct History {
  Hash trace;
  Capabilities can;
  std::vector<Event> events;
  std::vector<Hop> hops;  // in their order; empty where the subject was not asked to watch
  std::vector<Leftover> leftovers;
  HistoryEnd end = HistoryEnd::Completed;
  std::string note;  // why it ended so, when not Completed; stacks of hung tasks
  bool operator==(const History&) const = default;
};

std::string_view word_of(HistoryEnd end);
std::string_view word_of(EventKind kind);

// One line an event, for people: "  12 A  write org 0+128 -> 0".
std::string to_text(const Trace& trace, const History& history);

}  // namespace bioscope
