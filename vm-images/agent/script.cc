// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/script.h"

#include <fmt/format.h>

#include <cassert>
#include <utility>

#include "models/trace/order.h"

namespace bioscope {
namespace {

// The disk of a release is that of its hold.
const std::string& disk_of(const Trace& trace, std::size_t index) {
  const DiskStep& step = trace.disk_script[index];
  if (step.kind != DiskStepKind::Release) return step.disk;
  const auto hold = find_hold(trace, step.label);
  assert(hold && "a legal trace releases holds that exist");
  return trace.disk_script[*hold].disk;
}

}  // namespace

Script::Script(const Trace& trace, SlotOf slot_of, Send send)
    : trace_(trace),
      slot_of_(std::move(slot_of)),
      send_(std::move(send)),
      fired_(trace.disk_script.size(), false) {}

Result<void> Script::begin() {
  for (std::size_t i = 0; i < trace_.disk_script.size(); ++i) {
    if (!slot_of_(disk_of(trace_, i))) {
      return could_not_judge(fmt::format(
          "the disk script speaks of {}, which is no controlled disk", disk_of(trace_, i)));
    }
  }
  for (std::size_t i = 0; i < trace_.disk_script.size(); ++i) {
    if (trace_.disk_script[i].edge.kind == EdgeKind::None) fire(i);
  }
  return {};
}

void Script::reached(EdgeKind kind, const std::string& label) {
  for (std::size_t i = 0; i < trace_.disk_script.size(); ++i) {
    const Edge& edge = trace_.disk_script[i].edge;
    if (edge.kind == kind && edge.label == label) fire(i);
  }
}

void Script::fire(std::size_t index) {
  {
    const std::lock_guard lock(mutex_);
    if (fired_[index]) return;
    fired_[index] = true;
  }
  const DiskStep& step = trace_.disk_script[index];
  DiskCommand command;
  command.slot = slot_of_(disk_of(trace_, index)).value_or(0);
  command.step = static_cast<u32>(index);
  if (step.kind == DiskStepKind::Release) {
    command.kind = DiskCommand::Kind::Release;
    command.step = static_cast<u32>(find_hold(trace_, step.label).value_or(0));
  } else {
    command.kind = DiskCommand::Kind::Arm;
    command.step_kind = step.kind;
    command.request = step.request;
    command.first_sector = step.range.first_sector;
    command.count_sectors = step.range.count_sectors;
    command.occurrence = step.occurrence;
    command.error = step.error;
  }
  send_(command);
}

bool Script::ready_for_quiet(std::size_t index, const Recorder& recorder) const {
  const DiskStep& step = trace_.disk_script[index];
  if (step.edge.kind != EdgeKind::Quiet) return false;
  {
    const std::lock_guard lock(mutex_);
    if (fired_[index]) return false;
  }
  return step.kind != DiskStepKind::Release || recorder.reached(EdgeKind::Held, step.label);
}

bool Script::wants_quiet(const Recorder& recorder) const {
  for (std::size_t i = 0; i < trace_.disk_script.size(); ++i) {
    if (ready_for_quiet(i, recorder)) return true;
  }
  return false;
}

void Script::quiet(const Recorder& recorder) {
  for (std::size_t i = 0; i < trace_.disk_script.size(); ++i) {
    if (!ready_for_quiet(i, recorder)) continue;
    fire(i);
    return;
  }
}

void Script::end() {
  for (const Disk& disk : trace_.disks) {
    const auto slot = slot_of_(disk.name);
    if (!slot) continue;
    DiskCommand command;
    command.kind = DiskCommand::Kind::ReleaseAll;
    command.slot = *slot;
    send_(command);
  }
}

}  // namespace bioscope
