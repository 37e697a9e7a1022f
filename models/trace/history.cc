// SPDX-License-Identifier: Apache-2.0
#include "models/trace/history.h"

#include <fmt/format.h>

#include <array>
#include <cassert>
#include <cstring>

#include "models/trace/text.h"

namespace bioscope {
namespace {

// What sector number `index` of a run holds.
Sector at_offset(const Sector& first, u64 index) {
  if (const auto* stamp = std::get_if<Stamp>(&first)) {
    Stamp moved = *stamp;
    moved.sector += index;
    return moved;
  }
  return first;
}

std::string print_runs(const SectorRuns& runs) {
  std::string text;
  for (const SectorRun& run : runs) {
    text += fmt::format("{}{} x{}", text.empty() ? "" : ", ", to_text(run.first), run.count);
  }
  return text;
}

std::string error_text(int error) {
  const char* name = error == 0 ? "0" : ::strerrorname_np(error);
  return name != nullptr ? name : fmt::format("{}", error);
}

}  // namespace

void append_sector(SectorRuns& runs, const Sector& sector) {
  if (!runs.empty() && at_offset(runs.back().first, runs.back().count) == sector) {
    ++runs.back().count;
  } else {
    runs.push_back({1, sector});
  }
}

u64 count_sectors(const SectorRuns& runs) {
  u64 count = 0;
  for (const SectorRun& run : runs) count += run.count;
  return count;
}

Sector sector_at(const SectorRuns& runs, u64 index) {
  for (const SectorRun& run : runs) {
    if (index < run.count) return at_offset(run.first, index);
    index -= run.count;
  }
  assert(false && "beyond the last run");
  return Zero{};
}

std::string_view word_of(HistoryEnd end) {
  constexpr std::array<std::string_view, 4> kWords{"completed", "hung", "crashed", "not judged"};
  return kWords[static_cast<std::size_t>(end)];
}

std::string_view word_of(EventKind kind) {
  constexpr std::array<std::string_view, 5> kWords{"invoke", "return", "held", "done", "cut"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::string to_text(const Trace& trace, const History& history) {
  std::string text;
  const std::size_t operations = operation_count(trace);
  for (const Event& event : history.events) {
    text += fmt::format("{:>6} ", event.tick);
    const bool of_operation = event.kind == EventKind::Invoke || event.kind == EventKind::Return;
    if (!of_operation || event.operation >= operations || event.lane >= trace.lanes.size()) {
      text += fmt::format("     {} {}\n", word_of(event.kind), event.operation);
      continue;
    }
    text += fmt::format("{:<4} {}", trace.lanes[event.lane].name,
                        print_operation(operation_at(trace, event.operation)));
    if (event.kind == EventKind::Invoke) {
      text += " ..\n";
      continue;
    }
    text += fmt::format(" -> {}", error_text(event.error));
    if (event.count_sectors != 0) text += fmt::format(" {} sectors", event.count_sectors);
    if (!event.data.empty()) text += fmt::format(" [{}]", print_runs(event.data));
    if (!event.text.empty()) text += fmt::format(" \"{}\"", event.text);
    text += "\n";
  }
  for (const Leftover& leftover : history.leftovers) {
    text += fmt::format("  left over: {} was {}, is {}\n", leftover.what, leftover.before,
                        leftover.after);
  }
  text += fmt::format("end: {}", word_of(history.end));
  if (!history.note.empty()) text += ": " + history.note;
  return text + "\n";
}

}  // namespace bioscope
