// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "harness/repro/names.h"
#include "harness/repro/stages.h"

namespace bioscope {
namespace {

constexpr std::size_t kMaxForPairs = 16;  // operations: 120 pairs

template <typename Visit>
void for_each_operation(const Trace& trace, Visit visit) {
  OperationId id = 0;
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) visit(id++, operation);
  }
}

Edit without_names(const Trace& trace, const Names& names) {
  Edit edit;
  for_each_operation(trace, [&](OperationId id, const Operation& operation) {
    const auto is_named = [&](const std::string& name) { return bioscope::names(operation, name); };
    if (std::ranges::any_of(names, is_named)) edit.operations[id].reset();
  });
  for (std::size_t i = 0; i < trace.disks.size(); ++i) {
    if (names.contains(trace.disks[i].name)) edit.disks[i].reset();
  }
  return edit;
}

struct Bracket {
  OperationKind opens;
  OperationKind closes;
};
using K = OperationKind;
constexpr std::array<Bracket, 6> kBrackets{{{K::Suspend, K::Resume},
                                            {K::Load, K::Resume},
                                            {K::Open, K::Close},
                                            {K::Freeze, K::Thaw},
                                            {K::Mount, K::Umount},
                                            {K::PowerCut, K::Reopen}}};

bool closes(const Operation& first, const Operation& second) {
  return std::ranges::any_of(kBrackets, [&](const Bracket& bracket) {
    return bracket.opens == first.kind && bracket.closes == second.kind &&
           second.device == (first.kind == K::Mount ? first.word : first.device);
  });
}

bool is_named(const Trace& trace, const std::string& disk) {
  bool named =
      std::ranges::find(trace.disk_script, disk, &DiskStep::disk) != trace.disk_script.end();
  for_each_operation(trace, [&](OperationId, const Operation& operation) {
    named = named || names(operation, disk);
  });
  return named;
}

// Without all, the last half, the last quarter, .., the last one.
std::vector<std::vector<u32>> shortened(const std::vector<u32>& choices) {
  std::vector<std::vector<u32>> shorter;
  for (std::size_t less = choices.size(); less > 0; less /= 2) {
    shorter.emplace_back(choices.begin(), choices.end() - static_cast<std::ptrdiff_t>(less));
  }
  return shorter;
}

}  // namespace

std::vector<Edit> drop_lanes(const Trace& trace) {
  std::vector<Edit> edits;
  if (trace.lanes.size() < 2) return edits;
  for (std::size_t lane = trace.lanes.size(); lane-- > 0;) {
    Edit edit;
    const OperationId first = first_operation(trace, lane);
    for (std::size_t i = 0; i < trace.lanes[lane].operations.size(); ++i) {
      edit.operations[first + i].reset();
    }
    edits.push_back(std::move(edit));
  }
  return edits;
}

std::vector<Edit> drop_devices(const Trace& trace) {
  std::vector<Edit> edits;
  for (const std::string& name : names_in(trace)) {
    const Names upon = standing_upon(trace, {name});
    edits.push_back(without_names(trace, upon));
    if (upon.size() > 1) edits.push_back(without_names(trace, {name}));
  }
  return edits;
}

std::vector<Edit> drop_chunks(const Trace& trace, std::size_t chunk) {
  std::vector<Edit> edits;
  for (std::size_t end = operation_count(trace); end > 0;) {
    const std::size_t begin = end - std::min(chunk, end);
    Edit edit;
    for (std::size_t id = begin; id < end; ++id) edit.operations[id].reset();
    edits.push_back(std::move(edit));
    end = begin;
  }
  return edits;
}

std::vector<Edit> drop_brackets(const Trace& trace) {
  std::vector<const Operation*> all;
  for_each_operation(trace, [&](OperationId, const Operation& each) { all.push_back(&each); });
  std::vector<Edit> edits;
  for (std::size_t first = 0; first < all.size(); ++first) {
    for (std::size_t last = first + 1; last < all.size(); ++last) {
      if (!closes(*all[first], *all[last])) continue;
      Edit ends;
      ends.operations[first].reset();
      ends.operations[last].reset();
      Edit whole = ends;
      for (std::size_t id = first + 1; id < last; ++id) {
        const OperationKind kind = all[id]->kind;
        const bool is_table = kind == K::Load || kind == K::Clear;
        if (is_table && all[id]->device == all[first]->device) whole.operations[id].reset();
      }
      if (whole.operations.size() > ends.operations.size()) edits.push_back(std::move(whole));
      edits.push_back(std::move(ends));
      break;
    }
  }
  return edits;
}

std::vector<Edit> drop_pairs(const Trace& trace) {
  std::vector<Edit> edits;
  const std::size_t count = operation_count(trace);
  if (count > kMaxForPairs) return edits;
  for (std::size_t last = count; last-- > 0;) {
    for (std::size_t first = last; first-- > 0;) {
      Edit edit;
      edit.operations[first].reset();
      edit.operations[last].reset();
      edits.push_back(std::move(edit));
    }
  }
  return edits;
}

std::vector<Edit> drop_disk_steps(const Trace& trace) {
  std::vector<Edit> edits;
  const std::size_t count = trace.disk_script.size();
  for (std::size_t chunk = count; chunk > 0; chunk /= 2) {
    for (std::size_t end = count; end > 0;) {
      const std::size_t begin = end - std::min(chunk, end);
      Edit edit;
      for (std::size_t i = begin; i < end; ++i) edit.steps[i].reset();
      edits.push_back(std::move(edit));
      end = begin;
    }
  }
  return edits;
}

std::vector<Edit> drop_unnamed_disks(const Trace& trace) {
  Edit all;
  for (std::size_t i = 0; i < trace.disks.size(); ++i) {
    if (!is_named(trace, trace.disks[i].name)) all.disks[i].reset();
  }
  std::vector<Edit> edits;
  if (all.disks.size() > 1) edits.push_back(all);
  for (const auto& [index, nothing] : all.disks) {
    Edit one;
    one.disks[index].reset();
    edits.push_back(std::move(one));
  }
  return edits;
}

std::vector<Edit> drop_choices(const Trace& trace) {
  std::vector<Edit> edits;
  if (trace.choices == Choices{}) return edits;
  Edit none;
  none.choices.emplace();
  edits.push_back(std::move(none));
  for (const auto kind : {&Choices::schedule, &Choices::fault, &Choices::crash}) {
    for (std::vector<u32>& shorter : shortened(trace.choices.*kind)) {
      Edit edit;
      edit.choices = trace.choices;
      (*edit.choices).*kind = std::move(shorter);
      edits.push_back(std::move(edit));
    }
    std::vector<u32> zeroes((trace.choices.*kind).size(), 0);
    Edit edit;
    edit.choices = trace.choices;
    (*edit.choices).*kind = std::move(zeroes);
    edits.push_back(std::move(edit));
  }
  return edits;
}

}  // namespace bioscope
