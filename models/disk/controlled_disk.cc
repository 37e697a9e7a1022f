// SPDX-License-Identifier: Apache-2.0
#include "models/disk/controlled_disk.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

namespace bioscope {

bool matches(const DiskStep& step, DiskRequest request, Range range) {
  if (step.request != request) return false;
  if (step.range.count_sectors == 0 || request == DiskRequest::Flush) return true;
  return range.first_sector < step.range.end_sector() &&
         step.range.first_sector < range.end_sector();
}

ControlledDisk::ControlledDisk(const Disk& disk) : disk_(disk), contents_(disk.cache) {}

void ControlledDisk::arm(u32 index, const DiskStep& step) {
  assert(step.kind != DiskStepKind::Release);
  armed_.push_back({index, step, 0});
}

DiskReaction ControlledDisk::submit(DiskCall call) {
  ++submitted_requests_;
  HeldCall request{std::move(call), {}, {}, 0};
  DiskReaction reaction;
  std::erase_if(armed_, [&](ArmedStep& armed) {
    if (!matches(armed.step, request.call.request, request.call.range)) return false;
    if (++armed.matches != armed.step.occurrence) return false;
    if (armed.step.kind == DiskStepKind::Fail) {
      request.error = armed.step.error;
    } else {
      request.holds.push_back(armed.index);
      reaction.notices.push_back({EventKind::Held, armed.index});
    }
    return true;
  });
  if (request.holds.empty() || !powered_) {
    finish(request, reaction);
  } else {
    held_.push_back(std::move(request));
  }
  return reaction;
}

DiskReaction ControlledDisk::release(u32 index) {
  DiskReaction reaction;
  std::erase_if(armed_, [index](const ArmedStep& armed) { return armed.index == index; });
  std::erase_if(held_, [&](HeldCall& held) {
    const auto hold = std::ranges::find(held.holds, index);
    if (hold == held.holds.end()) return false;
    held.holds.erase(hold);
    held.released.push_back(index);
    if (!held.holds.empty()) return false;
    finish(held, reaction);
    return true;
  });
  return reaction;
}

DiskReaction ControlledDisk::release_all() {
  DiskReaction reaction;
  armed_.clear();
  for (HeldCall& held : held_) finish(held, reaction);
  held_.clear();
  return reaction;
}

DiskReaction ControlledDisk::power_cut(Chooser& chooser) {
  powered_ = false;
  DiskReaction reaction;
  armed_.clear();
  for (HeldCall& held : held_) {
    if (held.call.request == DiskRequest::Write) {
      contents_.may_reach_medium(held.call.range, held.call.data);
    }
    finish(held, reaction);
  }
  held_.clear();
  contents_.power_cut(chooser);
  return reaction;
}

void ControlledDisk::reset() {
  assert(held_.empty());
  contents_ = DiskContents(disk_.cache);
  armed_.clear();
  powered_ = true;
}

DiskAnswer ControlledDisk::execute(DiskCall& call, int error) {
  DiskAnswer answer{call.handle, error, {}};
  const bool has_range = call.request != DiskRequest::Flush;
  if (!powered_) answer.error = EIO;
  if (has_range && call.range.end_sector() > disk_.size_sectors) answer.error = EIO;
  if (disk_.read_only &&
      (call.request == DiskRequest::Write || call.request == DiskRequest::Discard)) {
    answer.error = EPERM;
  }
  if (answer.error != 0) return answer;
  switch (call.request) {
    case DiskRequest::Read:
      answer.data = contents_.read(call.range);
      break;
    case DiskRequest::Write:
      contents_.write(call.range, call.data, call.fua);
      break;
    case DiskRequest::Flush:
      contents_.flush();
      break;
    case DiskRequest::Discard:
      contents_.discard(call.range);
      break;
  }
  return answer;
}

void ControlledDisk::finish(HeldCall& held, DiskReaction& reaction) {
  for (const u32 step : held.released) reaction.notices.push_back({EventKind::Done, step});
  for (const u32 step : held.holds) reaction.notices.push_back({EventKind::Done, step});
  reaction.answers.push_back(execute(held.call, held.error));
}

}  // namespace bioscope
