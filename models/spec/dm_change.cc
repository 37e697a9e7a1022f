// SPDX-License-Identifier: Apache-2.0
// The ioctls that change a mapped device, and open and close: which errors are legal, and what a
// success does. An operation takes effect somewhere between its invoke and its return; while it is
// pending I/O is mapped both ways (mapping.cc). Two changes of one device that overlap leave it
// blurred: nothing is judged about it until a load and a resume of their own.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

bool is_swap(OperationKind kind) {
  return kind == OperationKind::Suspend || kind == OperationKind::Resume ||
         kind == OperationKind::Load || kind == OperationKind::Clear ||
         kind == OperationKind::Create || kind == OperationKind::Remove ||
         kind == OperationKind::Rename;
}

bool may_lack_privilege(OperationKind kind) {
  return kind == OperationKind::Open || kind == OperationKind::Close ||
         kind == OperationKind::SetReadOnly || kind == OperationKind::Message;
}

}  // namespace

void Machine::invoke_change(OperationId id) {
  LegalSet refused;
  const Operation operation = as_plain(this->operation(id), refused);
  PendingChange pending;
  pending.id = id;
  pending.device = find_device(operation.device);
  if (is_swap(operation.kind)) {
    for (PendingChange& other : pending_changes_) {
      LegalSet ignored;
      const Operation their = as_plain(this->operation(other.id), ignored);
      const bool same_name = their.device == operation.device || their.word == operation.device ||
                             their.device == operation.word;
      if (!is_swap(their.kind) || !same_name) continue;
      other.overlapped = true;
      pending.overlapped = true;
    }
  }
  pending.legal = change_legal(this->operation(id));
  pending.time_least_ms = time_least_ms_;
  if (pending.device != kNone && !devices_[pending.device].suspended) {  // R37
    pending.interruptible =
        operation.kind == OperationKind::Suspend ||
        (operation.kind == OperationKind::Resume && devices_[pending.device].inactive);
  }
  if (pending.device != kNone && is_swap(operation.kind)) {
    Device& device = devices_[pending.device];
    if (operation.kind == OperationKind::Remove || operation.kind == OperationKind::Rename) {
      ++device.pending_changes;
    }
    if (operation.kind == OperationKind::Suspend) {
      device.suspending = true;
    }
    if (operation.kind == OperationKind::Resume && !pending.overlapped) {
      device.resuming = true;
      device.incoming = device.inactive;
      expect_attach(pending.device);
      if (device.incoming) tables_changed(pending.device);
      release_deferred(pending.device);
      const TablePtr next = device.inactive ? device.inactive : device.live;
      if (next && (device.inactive || device.suspended)) {
        for (const Target& target : next->targets) {
          if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
            begin_snapshot(target);
          }
          expect_era(target);
        }
      }
    }
    if (operation.kind == OperationKind::Remove) {
      ++device.removes;
      expect_remove(pending.device);
    }
    if (pending.overlapped) blur(pending.device);
  }
  const bool rolls = operation.text == "checkpoint" || operation.text == "take_metadata_snap";
  if (operation.kind == OperationKind::Message && rolls && pending.device != kNone &&
      devices_[pending.device].live) {
    for (const Target& target : devices_[pending.device].live->targets) expect_era(target);
  }
  pending_changes_.push_back(std::move(pending));
}

Verdict Machine::complete_change(const Event& event) {
  const auto found = std::ranges::find(pending_changes_, event.operation, &PendingChange::id);
  if (found == pending_changes_.end()) return not_judged("a return without its invoke");
  PendingChange pending = std::move(*found);
  pending_changes_.erase(found);
  const Operation& raw = this->operation(event.operation);
  LegalSet refused;
  const Operation operation = as_plain(raw, refused);
  DeviceId id = pending.device;
  if (id == kNone && operation.kind != OperationKind::Create) {
    id = find_device(operation.device);
    if (id != kNone && is_swap(operation.kind)) pending.overlapped = true;
  }
  LegalSet legal = pending.legal;
  const bool settled = pending.device != kNone && is_swap(operation.kind);
  if (settled) {
    Device& device = devices_[id];
    if (operation.kind == OperationKind::Remove || operation.kind == OperationKind::Rename) {
      --device.pending_changes;
    }
    if (operation.kind == OperationKind::Remove && device.removes > 0) --device.removes;
    if (operation.kind == OperationKind::Suspend) device.suspending = false;
    if (operation.kind == OperationKind::Resume) device.resuming = false;
  }
  for (const int error : change_legal(raw).errors) allow(legal, {error});
  const bool interrupted = pending.interruptible && event.error == EINTR;
  if (pending.interruptible && signalled_[event.operation]) {
    legal.rule = rule(37);
    allow(legal, {EINTR});
  }
  const bool blurred = id != kNone && devices_[id].blurred;
  const bool free = pending.overlapped || blurred || legal.errors.empty();
  const std::string target = target_name(id);
  Verdict verdict;
  if (!free && !legal.allows(event.error)) {
    verdict =
        violation(legal.rule, target,
                  "expected " + errors_text(legal.errors) + ", got " + error_text(event.error));
  } else if (!free) {
    exercised(legal.rule);
  }
  if (event.error == 0) {
    if (operation.kind == OperationKind::Ioctl) return verdict;
    resume_invoked_ = invoked_[event.operation];
    change_time_ms_ = pending.time_least_ms;
    if (id != kNone && is_swap(operation.kind)) devices_[id].interrupted = false;
    apply_change(operation, id, 0);
  } else if (interrupted) {
    interrupted_change(id);
  } else if (operation.kind == OperationKind::Resume && id != kNone) {
    resume_failed(id);
  } else if (operation.kind == OperationKind::Remove && id != kNone && devices_[id].suspended &&
             devices_[id].interposes != kNone) {
    wait_again(id);
  }
  if (id != kNone && operation.kind == OperationKind::Resume) devices_[id].incoming = nullptr;
  if (pending.overlapped && id != kNone) blur(id);
  if (legal.errors.empty() && verdict.kind == VerdictKind::Legal) {
    return not_judged("the specification does not know what this operation may return");
  }
  return verdict;
}

LegalSet Machine::change_legal(const Operation& raw) const {
  LegalSet refused;
  const Operation operation = as_plain(raw, refused);
  if (!refused.errors.empty() || operation.kind == OperationKind::Ioctl) return refused;
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
    case OperationKind::Load:
      return plan_load(operation, id).legal;
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

void Machine::apply_change(const Operation& operation, DeviceId id, int) {
  if (operation.kind == OperationKind::Create) return apply_create(operation);
  if (id == kNone) return;
  Device& device = devices_[id];
  switch (operation.kind) {
    case OperationKind::Load:
      return apply_load(operation, id);
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
