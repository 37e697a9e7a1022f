// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "harness/repro/numbers.h"
#include "harness/repro/stages.h"
#include "models/trace/syntax.h"
#include "models/trace/table.h"

namespace bioscope {
namespace {

constexpr u64 kMaxUnitSectors = 4096;  // of what a range may be aligned to

using Indexed = std::pair<OperationId, const Operation*>;

std::vector<Indexed> all_of(const Trace& trace) {
  std::vector<Indexed> all;
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      all.emplace_back(static_cast<OperationId>(all.size()), &operation);
    }
  }
  return all;
}

// An edit of one operation; `change` gets a copy of it.
template <typename Change>
Edit with(OperationId id, const Operation& operation, Change change) {
  Edit edit;
  Operation copy = operation;
  change(copy);
  edit.operations[id] = std::move(copy);
  return edit;
}

bool has_range(const Operation& operation) {
  return std::ranges::any_of(syntax_of(operation.kind).fields,
                             [](const FieldSyntax& field) { return field.field == Field::Range; });
}

void take_flag(Operation& operation, u32 flag) {
  operation.flags = OperationFlags(operation.flags.bits() & ~flag);
}

// All operations that `change` changes, at once; then there is no sense in it for a single one.
template <typename Change>
void add_for_all(std::vector<Edit>& edits, const Trace& trace, Change change) {
  Edit edit;
  for (const auto& [id, operation] : all_of(trace)) {
    Operation copy = *operation;
    change(copy);
    if (!(copy == *operation)) edit.operations[id] = std::move(copy);
  }
  if (edit.operations.size() > 1) edits.push_back(std::move(edit));
}

// What tables are made of: powers of two among their numbers, logical blocks of disks.
std::set<u64> units_of(const Trace& trace) {
  std::set<u64> units;
  for (const Disk& disk : trace.disks) units.insert(disk.logical_block_bytes / kSectorBytes);
  for (const auto& [id, operation] : all_of(trace)) {
    if (operation->kind != OperationKind::Load) continue;
    for (const TargetWords& line : split_table(operation->text)) {
      for (std::size_t i = 3; i < line.size(); ++i) {
        if (line[i].size() > 4 || line[i].find_first_not_of("0123456789") != std::string::npos) {
          continue;
        }
        const u64 unit = std::stoull(line[i]);
        if (std::has_single_bit(unit) && unit <= kMaxUnitSectors) units.insert(unit);
      }
    }
  }
  return units;
}

// Smaller ranges within or over a part of `range`.
std::vector<Range> narrower(const Range& range, const std::set<u64>& units) {
  std::vector<Range> ranges;
  const u64 count = range.count_sectors;
  const auto add = [&](u64 lower) {
    ranges.push_back({range.first_sector, lower});
    ranges.push_back({range.end_sector() - lower, lower});
  };
  if (count > 1) add(1);
  for (const u64 unit : units) {
    if (unit > 1 && unit < count) add(unit);
  }
  for (const u64 lower : lower_numbers_than(count)) {
    if (lower > 1 && !units.contains(lower)) add(lower);
  }
  return ranges;
}

// Operations by equal ranges, in the order of their first.
std::vector<std::vector<Indexed>> by_range(const Trace& trace) {
  std::vector<std::vector<Indexed>> groups;
  for (const Indexed& each : all_of(trace)) {
    if (!has_range(*each.second)) continue;
    const auto same = std::ranges::find_if(
        groups, [&](const auto& group) { return group[0].second->range == each.second->range; });
    if (same == groups.end()) {
      groups.push_back({each});
    } else {
      same->push_back(each);
    }
  }
  return groups;
}

// All ranges of `operations`, and of `steps`, that much further to the front.
Edit moved(const std::vector<Indexed>& operations, const std::vector<DiskStep>& steps, u64 by) {
  Edit edit;
  for (const auto& [id, operation] : operations) {
    edit.operations[id] = *operation;
    edit.operations[id]->range.first_sector -= by;
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].range == Range{} || steps[i].range.first_sector < by) continue;
    edit.steps[i] = steps[i];
    edit.steps[i]->range.first_sector -= by;
  }
  return edit;
}

void add_moves(std::vector<Edit>& edits, const std::vector<Indexed>& operations,
               const std::vector<DiskStep>& steps, const std::set<u64>& units) {
  u64 least = kMaxDiskSectors;
  for (const auto& [id, operation] : operations) {
    least = std::min(least, operation->range.first_sector);
  }
  if (operations.empty() || least == 0) return;
  std::set<u64> distances{least, (least + 1) / 2};
  for (const u64 unit : units) distances.insert(least - least % unit);
  distances.erase(0);
  for (auto by = distances.rbegin(); by != distances.rend(); ++by) {
    edits.push_back(moved(operations, steps, *by));
  }
}

}  // namespace

std::vector<Edit> make_synchronous(const Trace& trace) {
  std::vector<Edit> edits;
  const auto wait_for_it = [](Operation& operation) { operation.async = false; };
  add_for_all(edits, trace, wait_for_it);
  for (const auto& [id, operation] : all_of(trace)) {
    if (operation->async) edits.push_back(with(id, *operation, wait_for_it));
  }
  return edits;
}

std::vector<Edit> drop_flags(const Trace& trace) {
  std::vector<Edit> edits;
  add_for_all(edits, trace, [](Operation& operation) { operation.flags = {}; });
  for (const auto& [id, operation] : all_of(trace)) {
    for (u32 flag = 1; flag < 1U << kOperationFlags; flag <<= 1U) {
      if ((operation->flags.bits() & flag) == 0) continue;
      edits.push_back(with(id, *operation, [&](Operation& copy) { take_flag(copy, flag); }));
    }
    for (const FieldSyntax& field : syntax_of(operation->kind).fields) {
      if (field.key.empty()) continue;
      edits.push_back(with(id, *operation, [&](Operation& copy) {
        if (field.field == Field::Text) copy.text.clear();
        if (field.field == Field::Word) copy.word.clear();
        if (field.field == Field::Number) copy.number = kNoNumber;
      }));
    }
  }
  return edits;
}

std::vector<Edit> narrow_ranges(const Trace& trace) {
  std::vector<Edit> edits;
  const std::set<u64> units = units_of(trace);
  const auto groups = by_range(trace);
  for (const auto& group : groups) {
    if (group.size() < 2) continue;
    for (const Range& range : narrower(group[0].second->range, units)) {
      Edit edit;
      for (const auto& [id, operation] : group) {
        edit.operations[id] = *operation;
        edit.operations[id]->range = range;
      }
      edits.push_back(std::move(edit));
    }
  }
  for (const auto& group : groups) {
    for (const auto& [id, operation] : group) {
      for (const Range& range : narrower(operation->range, units)) {
        edits.push_back(with(id, *operation, [&](Operation& copy) { copy.range = range; }));
      }
    }
  }
  return edits;
}

std::vector<Edit> move_ranges(const Trace& trace) {
  std::vector<Edit> edits;
  const std::set<u64> units = units_of(trace);
  std::vector<Indexed> everywhere;
  std::map<std::string_view, std::vector<Indexed>> by_device;
  for (const auto& group : by_range(trace)) {
    for (const Indexed& each : group) {
      everywhere.push_back(each);
      by_device[each.second->device].push_back(each);
    }
  }
  add_moves(edits, everywhere, trace.disk_script, units);
  if (by_device.size() > 1) {
    for (const auto& [device, operations] : by_device) add_moves(edits, operations, {}, units);
  }
  for (const Indexed& each : everywhere) add_moves(edits, {each}, {}, units);
  return edits;
}

std::vector<Edit> lower_numbers(const Trace& trace) {
  std::vector<Edit> edits;
  for (const auto& [id, operation] : all_of(trace)) {
    if (operation->number <= 0) continue;
    for (const u64 number : lower_numbers_than(static_cast<u64>(operation->number))) {
      edits.push_back(
          with(id, *operation, [&](Operation& copy) { copy.number = static_cast<i64>(number); }));
    }
  }
  return edits;
}

std::vector<Edit> simplify_disk_steps(const Trace& trace) {
  std::vector<Edit> edits;
  for (std::size_t i = 0; i < trace.disk_script.size(); ++i) {
    const DiskStep& step = trace.disk_script[i];
    const auto add = [&](auto change) {
      Edit edit;
      edit.steps[i] = step;
      change(*edit.steps[i]);
      if (!(*edit.steps[i] == step)) edits.push_back(std::move(edit));
    };
    add([](DiskStep& copy) { copy.edge = {}; });
    if (step.kind == DiskStepKind::Release) {
      add([](DiskStep& copy) { copy.edge = {EdgeKind::Quiet, ""}; });
      continue;
    }
    add([](DiskStep& copy) { copy.range = {}; });
    add([](DiskStep& copy) { copy.occurrence = 1; });
    add([](DiskStep& copy) { copy.occurrence = (copy.occurrence + 1) / 2; });
  }
  return edits;
}

}  // namespace bioscope
