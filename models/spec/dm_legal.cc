// SPDX-License-Identifier: Apache-2.0
// Which errors the ioctls that change a mapped device, and open and close, may return.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

bool may_lack_privilege(OperationKind kind) {
  return kind == OperationKind::Open || kind == OperationKind::Close ||
         kind == OperationKind::SetReadOnly || kind == OperationKind::Message;
}

}  // namespace

LegalSet Machine::change_legal(const Operation& raw, Plan* plan) const {
  const Plain plain = as_plain(raw);
  const Operation& operation = *plain.operation;
  if (!plain.refused.errors.empty() || operation.kind == OperationKind::Ioctl) return plain.refused;
  const DeviceId id = find_device(operation.device);
  switch (operation.kind) {
    case OperationKind::Create:
      return create_legal(operation);
    case OperationKind::Open:
      return open_legal(operation);
    case OperationKind::Close:
      if (id == kNone) return one_of(rule(34), {0, EBADF});
      return devices_[id].opens > 0 ? one_of(rule(34), {0}) : one_of(rule(34), {EBADF});
    case OperationKind::SetReadOnly:
      return id == kNone ? one_of(rule(27), {ENXIO, ENODEV, ENOENT})
                         : one_of(rule(3), {0, EBUSY, EROFS});
    default:
      break;
  }
  if (id == kNone || (!devices_[id].mapped && !may_lack_privilege(operation.kind))) {
    return one_of(rule(27), {ENXIO});
  }
  if (!devices_[id].exists) return one_of(rule(27), {ENXIO});
  switch (operation.kind) {
    case OperationKind::Load: {
      Plan made = plan_load(operation, id);
      const LegalSet legal = made.legal;
      if (plan != nullptr) *plan = std::move(made);
      return legal;
    }
    case OperationKind::Clear:
      return one_of(rule(30), {0});
    case OperationKind::Suspend: {
      LegalSet legal = one_of(devices_[id].suspended ? rule(31) : rule(35), {0});
      legal.may_block = true;
      for (const Mounted& mounted : mounts_) {  // R22
        if (mounted.device == kNone || mounted.freezes == 0 || devices_[id].suspended) continue;
        const Device& suspended = devices_[id];
        if (any_gate(mounted.device, [&](const Device& gate) { return &gate == &suspended; })) {
          allow(legal, {EBUSY});
        }
      }
      return legal;
    }
    case OperationKind::Resume:
      return resume_legal(id);
    case OperationKind::Remove:
      return remove_legal(operation, id);
    case OperationKind::Rename:
      return rename_legal(operation, id);
    case OperationKind::Message:
      return message_legal(operation, id);
    default:
      return {};
  }
}

LegalSet Machine::create_legal(const Operation& operation) const {
  LegalSet legal;
  legal.rule = rule(26);
  if (operation.device.find('/') != std::string::npos) return one_of(rule(26), {EINVAL});
  const bool uncertain = std::ranges::any_of(devices_, [&](const Device& device) {
    return device.exists && device.mapped && device.name == operation.device &&
           (device.pending_changes > 0 || device.deferred_remove);
  });
  bool taken = false;
  bool minor_taken = false;
  for (const Device& device : devices_) {
    if (!device.exists || !device.mapped) continue;
    if (device.name == operation.device) taken = true;
    if (!operation.text.empty() && device.uuid == operation.text) taken = true;
    if (operation.number != kNoNumber && device.minor == operation.number) minor_taken = true;
  }
  if (taken) allow(legal, {EBUSY});
  if (minor_taken) allow(legal, {ENXIO, EBUSY});
  if (!taken && !minor_taken) {
    allow(legal, {0});
    // A minor that the kernel chose itself may be the one that is asked for.
    constexpr i64 kChosenMinors = 128;
    if (operation.number != kNoNumber && operation.number < kChosenMinors) {
      allow(legal, {ENXIO, EBUSY});
    }
    if (operation.number >= 1 << 20) allow(legal, {EINVAL});
  }
  if (uncertain) allow(legal, {0});
  return legal;
}

LegalSet Machine::remove_legal(const Operation& operation, DeviceId id) const {
  const Device& device = devices_[id];
  if (operation.flags.has(OperationFlag::Deferred)) return one_of(rule(34), {0});
  const OpenCounts opens = open_counts(id);
  LegalSet legal;
  legal.rule = rule(34);
  if (opens.least == 0) allow(legal, {0});
  if (opens.most > 0) allow(legal, {EBUSY});
  if (device.deferred_remove) allow(legal, {0, EBUSY, ENXIO});
  return legal;
}

LegalSet Machine::rename_legal(const Operation& operation, DeviceId id) const {
  const bool uuid = !operation.text.empty();
  const std::string& wanted = uuid ? operation.text : operation.word;
  const bool taken = std::ranges::any_of(devices_, [&](const Device& device) {
    return device.exists && device.mapped && (uuid ? device.uuid : device.name) == wanted;
  });
  LegalSet legal;
  legal.rule = rule(26);
  if (taken) allow(legal, {EBUSY});
  if (uuid && !devices_[id].uuid.empty()) allow(legal, {EINVAL});
  if (!uuid && wanted.find('/') != std::string::npos) allow(legal, {EINVAL});
  if (legal.errors.empty()) allow(legal, {0});
  return legal;
}

LegalSet Machine::open_legal(const Operation& operation) const {
  const DeviceId id = find_device(operation.device);
  if (id == kNone || !devices_[id].exists) return one_of(rule(27), {ENXIO, ENODEV, ENOENT});
  const Device& device = devices_[id];
  LegalSet legal = one_of(rule(34), {0});
  const bool exclusive = operation.flags.has(OperationFlag::Exclusive);
  if (exclusive && busy_for_others(id)) {
    legal = one_of(rule(34), {EBUSY});
  }
  if (device.read_only && !operation.flags.has(OperationFlag::ReadOnly)) {
    allow(legal, {EACCES, EROFS, EPERM});
  }
  if (device.pending_changes > 0 || device.blurred) allow(legal, {ENXIO, ENODEV, ENOENT, EBUSY});
  for (const PendingChange& change : pending_changes_) {
    if (this->operation(change.id).kind == OperationKind::Load) allow(legal, {EBUSY, 0});
  }
  return legal;
}

}  // namespace bioscope::spec
