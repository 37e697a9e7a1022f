// SPDX-License-Identifier: Apache-2.0
// What a change of a mapped device does when it has succeeded.
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {

void Machine::apply_change(const Operation& operation, DeviceId id, Plan plan) {
  if (operation.kind == OperationKind::Create) return apply_create(operation);
  if (id == kNone) return;
  Device& device = devices_[id];
  switch (operation.kind) {
    case OperationKind::Load:
      return apply_load(operation, id, std::move(plan));
    case OperationKind::Clear: {
      const TablePtr dropped = device.inactive;
      device.inactive = nullptr;
      return release(id, dropped);
    }
    case OperationKind::Suspend:
      return apply_suspend(operation, id);
    case OperationKind::Resume:
      return apply_resume(id);
    case OperationKind::Remove:
      if (operation.flags.has(OperationFlag::Deferred) && device.opens > 0) {
        device.deferred_remove = true;
        return;
      }
      return remove_device(id);
    case OperationKind::Rename:
      if (operation.text.empty()) device.former_name = device.name;
      (operation.text.empty() ? device.name : device.uuid) =
          operation.text.empty() ? operation.word : operation.text;
      return;
    case OperationKind::Open:
      ++device.opens;
      if (operation.flags.has(OperationFlag::Exclusive)) ++device.exclusive_opens;
      return;
    case OperationKind::Close:
      if (device.opens > 0) --device.opens;
      if (device.exclusive_opens > 0 && device.opens < device.exclusive_opens + device.claims) {
        --device.exclusive_opens;
      }
      if (device.deferred_remove && device.opens == 0) remove_deferred(id);
      return;
    case OperationKind::Message:
      return apply_message(operation, id);
    case OperationKind::SetReadOnly:
      device.read_only = operation.number != 0;
      return;
    default:
      return;
  }
}

void Machine::apply_create(const Operation& operation) {
  Device device;
  device.name = operation.device;
  device.uuid = operation.text;
  device.mapped = true;
  device.minor = operation.number;
  devices_.push_back(std::move(device));
}

void Machine::remove_device(DeviceId id) {
  Device& device = devices_[id];
  device.exists = false;
  const TablePtr live = device.live;
  const TablePtr inactive = device.inactive;
  device.live = nullptr;
  device.inactive = nullptr;
  settle_interposer(id);
  release(id, inactive);
  release(id, live);
}

// A worker of the kernel does it, so what the device had open may stay open for a while.
void Machine::remove_deferred(DeviceId id) {
  for (const TablePtr& table : {devices_[id].live, devices_[id].inactive}) {
    if (!table) continue;
    for (const Target& target : table->targets) {
      for (const TargetDevice& below : target.devices) {
        if (below.device != kNone) ++devices_[below.device].lingering;
      }
    }
  }
  const DeviceId over = devices_[id].interposes;
  const TablePtr live = devices_[id].live;
  remove_device(id);
  if (over != kNone) devices_[over].lingering_table = live;
}

void Machine::blur(DeviceId id) {
  Device& device = devices_[id];
  device.blurred = true;
  for (LogTarget& log : logs_) log.unknown = log.unknown || log.device == id;
  blur_interposed(id);
  for (PendingIo& pending : pending_io_) {
    if (pending.device == kNone || !stack_has(pending.device, id)) continue;
    pending.free = true;
    pending.why_free = "operations on " + device.name + " overlapped";
  }
}

}  // namespace bioscope::spec
