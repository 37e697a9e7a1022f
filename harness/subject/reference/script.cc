// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/script.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "models/trace/order.h"

namespace bioscope::reference {

Script::Script(const Trace& trace, DiskOf disk_of)
    : trace_(trace), disk_of_(std::move(disk_of)), fired_(trace.disk_script.size(), false) {}

// The disk of a release is that of its hold.
const std::string& Script::disk_name(const DiskStep& step) const {
  if (step.kind != DiskStepKind::Release) return step.disk;
  const auto hold = find_hold(trace_, step.label);
  assert(hold && "a legal trace releases holds that exist");
  return trace_.disk_script[*hold].disk;
}

std::string Script::stray_disk() const {
  for (const DiskStep& step : trace_.disk_script) {
    if (disk_of_(disk_name(step)) == nullptr) return disk_name(step);
  }
  return {};
}

void Script::begin() {
  for (std::size_t i = 0; i < fired_.size(); ++i) {
    if (trace_.disk_script[i].edge.kind == EdgeKind::None) fire(i);
  }
}

void Script::reached(EdgeKind kind, const std::string& label) {
  for (std::size_t i = 0; i < fired_.size(); ++i) {
    const Edge& edge = trace_.disk_script[i].edge;
    if (edge.kind == kind && edge.label == label) fire(i);
  }
}

void Script::fire(std::size_t index) {
  if (fired_[index]) return;
  fired_[index] = true;
  const DiskStep& step = trace_.disk_script[index];
  rt::sim::ScriptedDisk* disk = disk_of_(disk_name(step));
  assert(disk != nullptr && "stray_disk() was asked before");
  if (step.kind == DiskStepKind::Release) {
    disk->release(static_cast<u32>(find_hold(trace_, step.label).value_or(0)));
  } else {
    disk->arm(static_cast<u32>(index), step);
  }
}

bool Script::has_quiet_steps() const {
  return std::ranges::any_of(
      trace_.disk_script, [](const DiskStep& step) { return step.edge.kind == EdgeKind::Quiet; });
}

bool Script::ready_for_quiet(std::size_t index, const Recorder& recorder) const {
  const DiskStep& step = trace_.disk_script[index];
  if (step.edge.kind != EdgeKind::Quiet || fired_[index]) return false;
  return step.kind != DiskStepKind::Release || recorder.reached({EdgeKind::Held, step.label});
}

bool Script::wants_quiet(const Recorder& recorder) const {
  for (std::size_t i = 0; i < fired_.size(); ++i) {
    if (ready_for_quiet(i, recorder)) return true;
  }
  return false;
}

void Script::quiet(const Recorder& recorder) {
  for (std::size_t i = 0; i < fired_.size(); ++i) {
    if (!ready_for_quiet(i, recorder)) continue;
    fire(i);
    return;
  }
}

}  // namespace bioscope::reference
