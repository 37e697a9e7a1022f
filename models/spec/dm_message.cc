// SPDX-License-Identifier: Apache-2.0
// Messages to targets and to mapped devices (R54, R56, R70).
#include <algorithm>
#include <cerrno>

#include "models/spec/log_text.h"
#include "models/spec/machine.h"

namespace bioscope::spec {

LegalSet Machine::message_legal(const Operation& operation, DeviceId id) const {
  const Device& device = devices_[id];
  if (operation.text == "@cancel_deferred_remove") {
    LegalSet legal = one_of(rule(34), {0});
    if (!device.deferred_remove) allow(legal, {EINVAL, EBUSY, ENXIO});
    return legal;
  }
  if (operation.text.starts_with("@")) return one_of(rule(70), {0, EINVAL, ENXIO});
  if (!device.live) return one_of(rule(45), {EINVAL, ENXIO});
  const u64 sector = operation.number < 0 ? 0 : static_cast<u64>(operation.number);
  const auto target =
      std::ranges::upper_bound(device.live->targets, sector, {}, &Target::end_sector);
  if (target == device.live->targets.end()) return one_of(rule(70), {EINVAL});
  if (target->type == TargetType::Era) {
    LegalSet legal = one_of(rule(54), {0});
    legal.may_block = device.suspended;  // R56
    const EraStore& era = eras_[target->store];
    if (operation.text == "take_metadata_snap") {
      legal = one_of(rule(54), {!era.held_known || !era.held ? 0 : EINVAL});
      if (!era.held_known) allow(legal, {EINVAL});
    } else if (operation.text == "drop_metadata_snap") {
      legal = one_of(rule(54), {!era.held_known || era.held ? 0 : EINVAL});
      if (!era.held_known) allow(legal, {EINVAL});
      allow(legal, {ENOENT});
    } else if (operation.text != "checkpoint") {
      legal = one_of(rule(54), {EINVAL});
    }
    if (era.unknown || era.failing || any_fault(era.place.volume)) allow(legal, {0, EIO, EINVAL});
    return legal;
  }
  if (target->type == TargetType::LogWrites && mark_of_message(operation.text)) {
    return one_of(rule(51), {0});
  }
  return one_of(target->type == TargetType::LogWrites ? rule(51) : rule(70), {EINVAL});
}

void Machine::apply_message(const Operation& operation, DeviceId id) {
  Device& device = devices_[id];
  if (operation.text == "@cancel_deferred_remove") {
    device.deferred_remove = false;
    return;
  }
  if (!device.live) return;
  const u64 sector = operation.number < 0 ? 0 : static_cast<u64>(operation.number);
  const auto target =
      std::ranges::upper_bound(device.live->targets, sector, {}, &Target::end_sector);
  if (target == device.live->targets.end() || target->type != TargetType::Era) return;
  EraStore& era = eras_[target->store];
  if (operation.text == "checkpoint" || operation.text == "take_metadata_snap") {
    ++era.era_least;  // R54; era_most went up when it was invoked
    era.begun.push_back(now_);
  }
  if (operation.text == "take_metadata_snap") era.held = true;
  if (operation.text == "drop_metadata_snap") era.held = false;
}

}  // namespace bioscope::spec
