// SPDX-License-Identifier: Apache-2.0
#include "harness/repro/edit.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>

#include "models/trace/check.h"

namespace bioscope {
namespace {

using Labels = std::unordered_set<std::string_view>;

template <typename T>
std::vector<T> changed(const std::vector<T>& from, const Changes<T>& changes, std::size_t first) {
  std::vector<T> to;
  to.reserve(from.size());
  auto change = changes.lower_bound(first);
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (change == changes.end() || change->first != first + i) {
      to.push_back(from[i]);
      continue;
    }
    if (change->second) to.push_back(*change->second);
    ++change;
  }
  return to;
}

std::set<std::string> released(const std::vector<DiskStep>& steps) {
  std::set<std::string> labels;
  for (const DiskStep& step : steps) {
    if (step.kind == DiskStepKind::Release) labels.insert(step.label);
  }
  return labels;
}

// Holds that were released and would not be any more.
void drop_holds_for_ever(std::vector<DiskStep>& steps, const std::vector<DiskStep>& before) {
  if (steps.size() == before.size()) return;
  const std::set<std::string> were = released(before);
  const std::set<std::string> are = released(steps);
  std::erase_if(steps, [&](const DiskStep& step) {
    return step.kind == DiskStepKind::Hold && were.contains(step.label) &&
           !are.contains(step.label);
  });
}

Trace changed(const Trace& trace, const Edit& edit) {
  Trace to;
  to.seed = trace.seed;
  to.disks = changed(trace.disks, edit.disks, 0);
  std::size_t first = 0;
  for (const Lane& lane : trace.lanes) {
    to.lanes.push_back({lane.name, changed(lane.operations, edit.operations, first)});
    first += lane.operations.size();
  }
  to.disk_script = changed(trace.disk_script, edit.steps, 0);
  drop_holds_for_ever(to.disk_script, trace.disk_script);
  to.choices = edit.choices.value_or(trace.choices);
  return to;
}

bool drop_senseless_steps(Trace& trace) {
  const auto is_controlled = [&](const std::string& name) {
    const auto disk = std::ranges::find(trace.disks, name, &Disk::name);
    return disk != trace.disks.end() && disk->kind == DiskKind::Controlled;
  };
  auto& steps = trace.disk_script;
  std::size_t dropped = std::erase_if(steps, [&](const DiskStep& step) {
    return step.kind != DiskStepKind::Release && !is_controlled(step.disk);
  });
  std::set<std::string> holds;
  for (const DiskStep& step : steps) {
    if (step.kind == DiskStepKind::Hold) holds.insert(step.label);
  }
  dropped += std::erase_if(steps, [&](const DiskStep& step) {
    return step.kind == DiskStepKind::Release && !holds.contains(step.label);
  });
  return dropped > 0;
}

// Whether the label that an edge names is still there.
bool has_end(const Edge& edge, const Labels& operations, const Labels& holds) {
  switch (edge.kind) {
    case EdgeKind::None:
    case EdgeKind::Quiet:
      return true;
    case EdgeKind::Held:
      return holds.contains(edge.label);
    case EdgeKind::Invoked:
    case EdgeKind::Returned:
      return operations.contains(edge.label);
  }
  return false;
}

// Drops what E1 names of one lane; the labels stay valid until the operations are taken out.
bool drop_senseless_operations(Lane& lane, const Labels& operations, const Labels& holds) {
  std::vector<bool> senseless(lane.operations.size(), false);
  Labels async;
  for (std::size_t i = 0; i < lane.operations.size(); ++i) {
    const Operation& operation = lane.operations[i];
    senseless[i] = operation.kind == OperationKind::Wait
                       ? !async.contains(operation.edge.label)
                       : !has_end(operation.edge, operations, holds);
    if (operation.async) async.insert(operation.label);
  }
  if (std::ranges::find(senseless, true) == senseless.end()) return false;
  std::vector<Operation> kept;
  for (std::size_t i = 0; i < senseless.size(); ++i) {
    if (!senseless[i]) kept.push_back(std::move(lane.operations[i]));
  }
  lane.operations = std::move(kept);
  return true;
}

bool drop_senseless(Trace& trace) {
  bool dropped = drop_senseless_steps(trace);
  Labels operations;
  Labels holds;
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) operations.insert(operation.label);
  }
  for (const DiskStep& step : trace.disk_script) {
    if (step.kind == DiskStepKind::Hold) holds.insert(step.label);
  }
  for (DiskStep& step : trace.disk_script) {
    if (has_end(step.edge, operations, holds)) continue;
    step.edge = {};
    if (step.kind == DiskStepKind::Release) step.edge.kind = EdgeKind::Quiet;
  }
  // A lane that loses operations takes their labels with it, so the others are looked at again.
  for (Lane& lane : trace.lanes) {
    if (drop_senseless_operations(lane, operations, holds)) return true;
  }
  return dropped;
}

template <typename T>
bool merge_into(Changes<T>& to, const Changes<T>& from) {
  for (const auto& [index, change] : from) {
    const auto [place, is_new] = to.emplace(index, change);
    if (is_new || place->second == change) continue;
    if (place->second && change) return false;
    place->second.reset();
  }
  return true;
}

}  // namespace

std::optional<Trace> edited(const Trace& trace, const Edit& edit) {
  Trace to = edit.whole ? *edit.whole : changed(trace, edit);
  if (edit.seed) to.seed = *edit.seed;
  while (drop_senseless(to)) {
  }
  std::erase_if(to.lanes, [](const Lane& lane) { return lane.operations.empty(); });
  if (check(to)) return std::nullopt;
  return to;
}

std::optional<Edit> merged(const Edit& first, const Edit& second) {
  if (first.whole || second.whole) return std::nullopt;
  Edit both = first;
  if (!merge_into(both.operations, second.operations)) return std::nullopt;
  if (!merge_into(both.disks, second.disks)) return std::nullopt;
  if (!merge_into(both.steps, second.steps)) return std::nullopt;
  if (!both.seed) both.seed = second.seed;
  if (second.choices) {
    if (first.choices && !(*first.choices == *second.choices)) return std::nullopt;
    both.choices = second.choices;
  }
  return both;
}

}  // namespace bioscope
