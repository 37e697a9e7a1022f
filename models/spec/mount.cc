// SPDX-License-Identifier: Apache-2.0
// mkfs, mount, freeze, thaw and fsck: what they may return, and what they do.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

// mkfs with the agent's options needs about this much.
u64 least_sectors(std::string_view type) {
  return type == "xfs" ? 32768 : 16384;
}

bool stops_io(const Device& device) {
  return device.suspended || device.suspending;
}

bool is_resuming(const Device& device) {
  return device.resuming;
}

}  // namespace

LegalSet Machine::mkfs_legal(const Operation& operation) const {
  const DeviceId id = find_device(operation.device);
  if (id == kNone) return one_of(rule(27), {ENXIO, ENOENT, ENODEV});
  const Device& device = devices_[id];
  LegalSet legal = one_of(property(5), {0});
  if (busy_for_others(id) || device.read_only || unreliable(id) ||
      size_least(id) < least_sectors(operation.word)) {
    allow(legal, {EIO, ENODEV});
  }
  return legal;
}

LegalSet Machine::mount_legal(const Operation& operation) const {
  const DeviceId id = find_device(operation.device);
  if (id == kNone) return one_of(rule(27), {ENXIO, ENOENT, ENODEV});
  const Device& device = devices_[id];
  if (device.claims > 0 || device.exclusive_opens > 0) return one_of(rule(22), {EBUSY});
  if (device.mounts == 0 && busy_for_others(id)) return one_of(rule(22), {EBUSY});
  if (device.bare_freezes > 0) return one_of(rule(22), {EBUSY});
  LegalSet legal = one_of(device.thawed_ever ? rule(24) : rule(22), {0});
  if (any_gate(id, stops_io) || any_gate(id, is_resuming)) {
    allow(legal, {EBUSY});
    legal.may_block = true;
  }
  if (device.mounts > 0) allow(legal, {EBUSY, EINVAL});
  const u32 found = file_system_of(id);
  if (found == kNone || !file_systems_[found].known || unreliable(id)) {
    allow(legal, {EINVAL, EIO, EUCLEAN, EBUSY, EROFS, EACCES, ENODEV, ENXIO, EILSEQ, ENOSPC});
    return legal;
  }
  const FileSystem& system = file_systems_[found];
  if (!operation.text.empty() && operation.text != system.type) {
    return one_of(property(5), {EINVAL, EUCLEAN});
  }
  if (device.read_only) allow(legal, {EACCES, EROFS});
  if (system.type == "xfs") {  // the same uuid cannot be mounted twice
    for (const Mounted& mounted : mounts_) {
      if (mounted.device != kNone) allow(legal, {EINVAL});
    }
  }
  return legal;
}

LegalSet Machine::freeze_legal(const Operation& operation) const {
  const bool thaw = operation.kind == OperationKind::Thaw;
  const u32 found = find_mount(operation.device);
  if (found == kNone) {
    const DeviceId id = find_device(operation.device);
    if (id == kNone) return one_of(rule(27), {ENXIO, EINVAL, ENOENT, ENODEV});
    const Device& device = devices_[id];
    if (!thaw) {
      LegalSet legal = one_of(device.mounts > 0 ? rule(21) : rule(23), {0});
      if (device.mounts > 0) allow(legal, {EBUSY});
      return legal;
    }
    LegalSet legal = one_of(rule(21), {device.bare_freezes > 0 ? 0 : EINVAL});
    if (any_gate(id, stops_io) || any_gate(id, is_resuming) || device.mounts > 0) {
      allow(legal, {0, EINVAL, EBUSY});
    }
    return legal;
  }
  const Mounted& mounted = mounts_[found];
  const Device& device = devices_[mounted.device];
  if (device.gone || device.dying) return one_of(rule(21), {0, EIO, EBUSY, EINVAL});
  const bool by_suspend = any_gate(mounted.device, [](const Device& gate) {
    return gate.suspended && gate.lockfs_frozen && !gate.resuming;
  });
  const bool stops = any_gate(mounted.device, stops_io);
  const bool unsure = device.thawed_ever || device.bare_freezes > 0 ||
                      any_gate(mounted.device, [](const Device& gate) {
                        return gate.suspending || gate.resuming || gate.removes > 0 || gate.blurred;
                      });
  if (!thaw) {  // R22
    LegalSet legal = one_of(rule(22), {mounted.freezes > 0 || by_suspend ? EBUSY : 0});
    if (unsure) allow(legal, {0, EBUSY});
    legal.may_block = stops;
    return legal;
  }
  LegalSet legal =
      one_of(mounted.freezes > 0 ? rule(21) : rule(24), {mounted.freezes > 0 ? 0 : EINVAL});
  if (by_suspend || unsure) allow(legal, {0, EINVAL, EBUSY});
  legal.may_block = stops;
  return legal;
}

LegalSet Machine::fsck_legal(const Operation& operation) const {
  const DeviceId id = find_device(operation.device);
  if (id == kNone) return one_of(rule(27), {ENXIO, ENOENT, ENODEV});
  LegalSet legal = one_of(property(5), {0});
  const u32 found = file_system_of(id);
  const bool sure = found != kNone && file_systems_[found].known &&
                    file_systems_[found].consistent && devices_[id].mounts == 0 &&
                    file_systems_[found].type == operation.word && !unreliable(id) &&
                    std::ranges::none_of(mounts_, [&](const Mounted& mounted) {
                      return mounted.device != kNone && mounted.file_system == found;
                    });
  if (!sure) allow(legal, {EUCLEAN, EIO, ENODEV});
  return legal;
}

LegalSet Machine::file_legal(const Operation& operation) const {
  switch (operation.kind) {
    case OperationKind::Mkfs:
      return mkfs_legal(operation);
    case OperationKind::Mount:
      return mount_legal(operation);
    case OperationKind::Umount: {
      const u32 found = find_mount(operation.device);
      if (found == kNone) return one_of(property(10), {EINVAL, ENOENT});
      LegalSet legal = one_of(property(10), {0});
      if (unreliable(mounts_[found].device)) allow(legal, {EIO});
      if (mounts_[found].freezes > 0 || any_gate(mounts_[found].device, stops_io)) {
        allow(legal, {EBUSY});
        legal.may_block = true;
      }
      if (!pending_files_.empty()) allow(legal, {EBUSY});
      return legal;
    }
    case OperationKind::Freeze:
    case OperationKind::Thaw:
      return freeze_legal(operation);
    case OperationKind::Fsck:
      return fsck_legal(operation);
    default:
      return content_legal(operation);
  }
}

Verdict Machine::complete_file(const Event& event) {
  const Operation& operation = this->operation(event.operation);
  const auto found = std::ranges::find(pending_files_, event.operation, &PendingFile::id);
  std::optional<PendingFile> pending;
  if (found != pending_files_.end()) {
    pending = std::move(*found);
    pending_files_.erase(found);
  }
  LegalSet legal = file_legal(operation);
  const u32 mounted = find_mount(operation.device.substr(0, operation.device.find('/')));
  const DeviceId device =
      mounted != kNone ? mounts_[mounted].device : find_device(operation.device);
  // What changed while it was pending makes either outcome possible.
  const bool changed = !pending_changes_.empty() || std::ranges::any_of(returned_, [&](u64 at) {
    return at > invoked_[event.operation];
  });
  if (changed && operation.kind != OperationKind::Fsck) {
    if (operation.kind == OperationKind::Freeze || operation.kind == OperationKind::Thaw ||
        operation.kind == OperationKind::Umount || operation.kind == OperationKind::Mkfs ||
        operation.kind == OperationKind::Mount) {
      allow(legal, {0, EBUSY, EINVAL, EIO});
    }
  }
  const bool wrote_while_frozen = operation.kind == OperationKind::FileWrite && event.error == 0 &&
                                  mounted != kNone &&
                                  frozen(mounts_[mounted], invoked_[event.operation]);
  if (wrote_while_frozen) {
    const bool thawed = devices_[mounts_[mounted].device].thawed_ever;
    return violation(thawed ? rule(24) : rule(22), target_name(device),
                     "a file was written while its file system is frozen");
  }
  if (!legal.allows(event.error)) {
    return violation(legal.rule, target_name(device),
                     "expected " + errors_text(legal.errors) + ", got " + error_text(event.error) +
                         (event.text.empty() ? "" : " (" + event.text + ")"));
  }
  if (legal.errors.size() == 1) exercised(legal.rule);
  if (pending) return complete_content(event, *pending);
  apply_file_system(operation, event);
  return legal_verdict();
}

void Machine::apply_file_system(const Operation& operation, const Event& event) {
  if (event.error != 0) {
    const u32 mounted = find_mount(operation.device);
    if (operation.kind == OperationKind::Thaw && mounted != kNone) mounts_[mounted].thawing = false;
    return;
  }
  switch (operation.kind) {
    case OperationKind::Mkfs:
      return apply_mkfs(operation);
    case OperationKind::Mount:
      return apply_mount(operation);
    case OperationKind::Umount: {
      const u32 found = find_mount(operation.device);
      if (found == kNone) return;
      const DeviceId id = mounts_[found].device;
      mounts_[found].device = kNone;
      Device& device = devices_[id];
      --device.opens;
      --device.mounts;
      if (device.deferred_remove && device.opens == 0) remove_deferred(id);
      return;
    }
    case OperationKind::Freeze:
    case OperationKind::Thaw:
      return apply_freeze(operation);
    default:
      return;
  }
}

void Machine::apply_mkfs(const Operation& operation) {
  const DeviceId id = find_device(operation.device);
  if (id == kNone) return;
  const auto place = place_of(id);
  if (!place) return;
  FileSystem system;
  system.place = *place;
  system.size_sectors = size_most(id);
  system.type = operation.word;
  system.known = !unreliable(id);
  system.consistent = system.known;
  file_systems_.push_back(std::move(system));
}

void Machine::apply_mount(const Operation& operation) {
  const DeviceId id = find_device(operation.device);
  if (id == kNone) return;
  Mounted mounted;
  mounted.point = operation.word;
  mounted.device = id;
  mounted.file_system = file_system_of(id);
  mounted.read_only = operation.flags.has(OperationFlag::ReadOnly);
  mounts_.push_back(std::move(mounted));
  ++devices_[id].opens;
  ++devices_[id].mounts;
}

void Machine::apply_freeze(const Operation& operation) {
  const i64 by = operation.kind == OperationKind::Thaw ? -1 : 1;
  const u32 found = find_mount(operation.device);
  if (found == kNone) {
    const DeviceId id = find_device(operation.device);
    if (id != kNone) devices_[id].bare_freezes = std::max<i64>(0, devices_[id].bare_freezes + by);
    return;
  }
  Mounted& mounted = mounts_[found];
  mounted.freezes = std::max<i64>(0, mounted.freezes + by);
  mounted.thawing = false;
  if (by > 0) mounted.frozen_at = now_;
  const bool during_suspend =
      any_gate(mounted.device, [](const Device& gate) { return gate.thawed_while_suspended; });
  if (by < 0 && during_suspend) devices_[mounted.device].thawed_ever = true;  // R24
}

}  // namespace bioscope::spec
