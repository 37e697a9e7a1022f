// SPDX-License-Identifier: Apache-2.0
// R44: a preflush with data whose flush a disk failed, and which succeeded all the same. A fault of
// the disk script hits one flush; it is told which only where nothing else can have met it.
#include <fmt/format.h>

#include <algorithm>

#include "models/spec/machine.h"
#include "models/trace/order.h"

namespace bioscope::spec {

// Only targets that pass a flush on and make none of their own.
bool Machine::plain_stack(DeviceId id, u32 depth) const {
  constexpr u32 kMostLayers = 8;
  if (id == kNone || depth > kMostLayers || devices_[id].blurred) return false;
  const Device& device = devices_[id];
  if (may_be_interposed(device)) {
    const DeviceId by = device.interposer != kNone ? device.interposer : device.attaching;
    if (by == kNone || !plain_stack(by, depth + 1)) return false;
  }
  if (device.whole != kNone) return plain_stack(device.whole, depth + 1);
  if (!device.mapped) return true;
  for (const TablePtr& table : {device.live, device.inactive, device.incoming}) {
    if (!table) continue;
    if (!table->unsupported.empty()) return false;
    for (const Target& target : table->targets) {
      if (target.type != TargetType::Linear && target.type != TargetType::Striped) return false;
      for (const TargetDevice& below : target.devices) {
        if (!below.below && !plain_stack(below.device, depth + 1)) return false;
      }
    }
  }
  return true;
}

// Nothing but reads and plain writes has been under way since the event, `but` apart, and nothing
// works behind the scenes.
bool Machine::no_flush_since(u64 event, OperationId but) const {
  for (std::size_t id = 0; id < devices_.size(); ++id) {
    const Device& device = devices_[id];
    if (device.mounts > 0 || device.lingering > 0) return false;
    if (device.exists && !plain_stack(static_cast<DeviceId>(id))) return false;
  }
  for (OperationId id = 0; id < invoked_.size(); ++id) {
    const bool over = returned_[id] != 0 && returned_[id] <= event;
    if (invoked_[id] == 0 || over || id == but) continue;
    const Operation& operation = this->operation(id);
    switch (operation.kind) {
      case OperationKind::Read:
      case OperationKind::Wait:
      case OperationKind::After:
      case OperationKind::Clock:
        break;
      case OperationKind::Write:
        if (operation.flags.has(OperationFlag::Fua) || operation.flags.has(OperationFlag::Sync) ||
            operation.flags.has(OperationFlag::Preflush)) {
          return false;
        }
        break;
      default:
        return false;
    }
  }
  return true;
}

// The fault that the flush of the preflush `id` met, if it met one for certain: armed before the
// preflush in its own lane, and not met by another one. None: empty.
std::string Machine::fault_of_preflush(OperationId id, const PendingIo& pending) const {
  const Operation& operation = this->operation(id);
  if (operation.range.count_sectors == 0 || pending.ambiguous || pending.swapped ||
      pending.deferred_ever || !operation.flags.has(OperationFlag::Preflush) ||
      io_kind(operation) != IoKind::Write || !devices_[pending.device].mapped) {
    return {};
  }
  const Trace& trace = program_->trace;
  for (std::size_t i = 0; i < trace.disk_script.size(); ++i) {
    const DiskStep& step = trace.disk_script[i];
    if (step.kind != DiskStepKind::Fail || step.request != DiskRequest::Flush ||
        step.occurrence != 1 || step.edge.kind != EdgeKind::Returned) {
      continue;
    }
    const auto disk = std::ranges::find(trace.disks, step.disk, &Disk::name);
    const auto armed_by = find_labelled(trace, step.edge.label);
    if (disk == trace.disks.end() || disk->cache != CacheMode::Volatile || !armed_by) continue;
    const auto volume = static_cast<VolumeId>(disk - trace.disks.begin());
    const bool before = program_->lanes[*armed_by] == program_->lanes[id] && *armed_by < id &&
                        !this->operation(*armed_by).async && returned_[*armed_by] != 0;
    if (!before || !stack_has(pending.device, disk_of_volume_[volume])) continue;
    // Another fault that the same flush takes with it changes nothing; a hold only delays it.
    if (!no_flush_since(returned_[*armed_by], id)) continue;
    return fmt::format("step {} of the disk script (fail {} flush {})", i + 1, step.disk,
                       error_text(step.error));
  }
  return {};
}

}  // namespace bioscope::spec
