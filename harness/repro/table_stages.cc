// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "harness/repro/names.h"
#include "harness/repro/numbers.h"
#include "harness/repro/stages.h"
#include "models/trace/table.h"

namespace bioscope {
namespace {

using Lines = std::vector<TargetWords>;

// Of a target line: START LENGTH TYPE PARAMETER..
constexpr std::size_t kStart = 0;
constexpr std::size_t kLength = 1;
constexpr std::size_t kType = 2;
constexpr std::size_t kParameters = 3;

std::optional<u64> number_in(const std::string& word) {
  u64 value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

bool has_range(const TargetWords& line) {
  return line.size() > kType && number_in(line[kStart]) && number_in(line[kLength]);
}

struct Load {
  OperationId id = 0;
  const Operation* operation = nullptr;
  Lines lines;
};

std::vector<Load> loads_of(const Trace& trace) {
  std::vector<Load> loads;
  OperationId id = 0;
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (operation.kind == OperationKind::Load) {
        Lines lines = split_table(operation.text);
        if (std::ranges::all_of(lines, has_range)) loads.push_back({id, &operation, lines});
      }
      ++id;
    }
  }
  return loads;
}

// Loads of one table text change together first, since a table that is loaded again is mostly meant
// to be the same.
std::vector<std::vector<Load>> by_text(const Trace& trace) {
  std::vector<std::vector<Load>> groups;
  for (Load& load : loads_of(trace)) {
    const auto same = std::ranges::find_if(groups, [&](const auto& group) {
      return group[0].operation->text == load.operation->text;
    });
    if (same == groups.end()) {
      groups.push_back({std::move(load)});
    } else {
      same->push_back(std::move(load));
    }
  }
  return groups;
}

void put(Edit& edit, const Load& load, const Lines& lines) {
  edit.operations[load.id] = *load.operation;
  edit.operations[load.id]->text = join_table(lines);
}

// Without line `gone`: those behind it close the gap.
Lines without_line(const Lines& lines, std::size_t gone) {
  Lines left = lines;
  const u64 length = *number_in(lines[gone][kLength]);
  for (std::size_t i = gone + 1; i < left.size(); ++i) {
    const u64 start = *number_in(left[i][kStart]);
    left[i][kStart] = std::to_string(start - std::min(start, length));
  }
  left.erase(left.begin() + static_cast<std::ptrdiff_t>(gone));
  return left;
}

Lines with_length(const Lines& lines, std::size_t changed, u64 length) {
  Lines other = lines;
  const u64 less = *number_in(lines[changed][kLength]) - length;
  other[changed][kLength] = std::to_string(length);
  for (std::size_t i = changed + 1; i < other.size(); ++i) {
    const u64 start = *number_in(other[i][kStart]);
    other[i][kStart] = std::to_string(start - std::min(start, less));
  }
  return other;
}

// Lines that may take the place of one line.
std::vector<TargetWords> simpler_lines(const TargetWords& line, const Names& devices) {
  std::vector<TargetWords> simpler;
  const auto below = std::find_if(line.begin() + kParameters, line.end(),
                                  [&](const std::string& word) { return devices.contains(word); });
  if (below != line.end() && line[kType] != "linear") {
    simpler.push_back({line[kStart], line[kLength], "linear", *below, "0"});
  }
  for (std::size_t i = kParameters; i < line.size(); ++i) {
    const auto replace = [&](std::string word) {
      simpler.push_back(line);
      simpler.back()[i] = std::move(word);
    };
    const auto number = number_in(line[i]);
    // A count of the words behind it: none of them, and then no count either.
    if (number && *number > 0 && *number == line.size() - i - 1) {
      const auto end = line.begin() + static_cast<std::ptrdiff_t>(i);
      simpler.emplace_back(line.begin(), end);
      simpler.emplace_back(line.begin(), end);
      simpler.back().emplace_back("0");
    }
    if (number && *number > 0) {
      for (const u64 lower : lower_numbers_than(*number)) replace(std::to_string(lower));
    }
    if (line[i] == "P" || line[i] == "PO") replace("N");
    if (line[i] == "PO") replace("P");
  }
  return simpler;
}

// Tables that may take the place of one table.
std::vector<Lines> simpler_tables(const Lines& lines, const Names& devices) {
  std::vector<Lines> simpler;
  for (std::size_t i = lines.size(); i-- > 0 && lines.size() > 1;) {
    simpler.push_back(without_line(lines, i));
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (TargetWords& line : simpler_lines(lines[i], devices)) {
      simpler.push_back(lines);
      simpler.back()[i] = std::move(line);
    }
  }
  return simpler;
}

// Past the last sector that an operation names.
u64 end_of_ranges(const Trace& trace) {
  u64 end = 1;
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (operation.range.first_sector > kMaxDiskSectors) continue;
      end = std::max(end, operation.range.end_sector());
    }
  }
  return end;
}

// What the ranges need, and halves of halves: they keep what the size is divisible by.
std::set<u64> lower_sizes_than(u64 size, u64 end_sector) {
  std::set<u64> sizes;
  for (u64 half = size / 2; half > 0; half /= 2) sizes.insert(half);
  for (const u64 needed : {std::bit_ceil(end_sector), end_sector}) {
    if (needed < size) sizes.insert(needed);
  }
  return sizes;
}

// Every disk of `size` and every table of one line of that length.
Edit resized(const Trace& trace, const std::vector<Load>& loads, u64 size, u64 to) {
  Edit edit;
  for (std::size_t i = 0; i < trace.disks.size(); ++i) {
    if (trace.disks[i].size_sectors != size) continue;
    edit.disks[i] = trace.disks[i];
    edit.disks[i]->size_sectors = to;
  }
  for (const Load& load : loads) {
    if (load.lines.size() != 1 || number_in(load.lines[0][kLength]) != size) continue;
    put(edit, load, with_length(load.lines, 0, to));
  }
  return edit;
}

}  // namespace

std::vector<Edit> simplify_tables(const Trace& trace) {
  std::vector<Edit> edits;
  const Names devices = names_in(trace);
  for (const auto& group : by_text(trace)) {
    const std::vector<Lines> simpler = simpler_tables(group[0].lines, devices);
    for (const Lines& lines : simpler) {
      Edit edit;
      for (const Load& load : group) put(edit, load, lines);
      edits.push_back(std::move(edit));
    }
    for (const Load& load : group) {
      for (const Lines& lines : simpler) {
        if (group.size() < 2) break;
        Edit edit;
        put(edit, load, lines);
        edits.push_back(std::move(edit));
      }
    }
  }
  return edits;
}

std::vector<Edit> lower_sizes(const Trace& trace) {
  std::vector<Edit> edits;
  const std::vector<Load> loads = loads_of(trace);
  const u64 end_sector = end_of_ranges(trace);
  std::set<u64, std::greater<>> sizes;
  for (const Disk& disk : trace.disks) sizes.insert(disk.size_sectors);
  for (const Load& load : loads) {
    if (load.lines.size() == 1) sizes.insert(*number_in(load.lines[0][kLength]));
  }
  for (const u64 size : sizes) {
    for (const u64 to : lower_sizes_than(size, end_sector)) {
      edits.push_back(resized(trace, loads, size, to));
    }
  }
  for (std::size_t i = 0; i < trace.disks.size(); ++i) {
    for (const u64 to : lower_sizes_than(trace.disks[i].size_sectors, end_sector)) {
      Edit edit;
      edit.disks[i] = trace.disks[i];
      edit.disks[i]->size_sectors = to;
      edits.push_back(std::move(edit));
    }
  }
  for (const Load& load : loads) {
    for (std::size_t i = 0; i < load.lines.size(); ++i) {
      for (const u64 to : lower_sizes_than(*number_in(load.lines[i][kLength]), end_sector)) {
        Edit edit;
        put(edit, load, with_length(load.lines, i, to));
        edits.push_back(std::move(edit));
      }
    }
  }
  return edits;
}

}  // namespace bioscope
