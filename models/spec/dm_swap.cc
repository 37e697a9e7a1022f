// SPDX-License-Identifier: Apache-2.0
// Suspend and resume: which swaps are refused, and what one leaves behind.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {

// R32: what the swap itself refuses: a table that reaches past a device or lies across its blocks.
RuleId Machine::swap_refused_by(const Table& table) const {
  for (const Target& target : table.targets) {
    for (const TargetDevice& below : target.devices) {
      if (below.device == kNone) continue;
      const u64 block = logical_block_sectors(below.device);
      const u64 span = std::max<u64>(1, below.span_sectors);
      if (below.start_sector + span > size_most(below.device)) return rule(32);
      if (below.start_sector % block != 0 || below.span_sectors % block != 0) return rule(32);
    }
  }
  return RuleId::None;
}

// R71: the exceptions are handed over only by a suspended source; the source itself cannot go on.
bool Machine::handover_refused(DeviceId id, const Table& table) const {
  for (const Target& target : table.targets) {
    if (target.type != TargetType::Snapshot && target.type != TargetType::SnapshotMerge) continue;
    const SnapStore& store = stores_[target.store];
    const StoreUser* source = nullptr;
    const StoreUser* receiver = nullptr;
    for (const StoreUser& user : store.users) (user.active ? source : receiver) = &user;
    if (source == nullptr || receiver == nullptr) continue;
    if (source->instance == target.instance) return true;
    if (!devices_[source->device].suspended && source->device != id) return true;
  }
  return false;
}

LegalSet Machine::resume_legal(DeviceId id) const {
  const Device& device = devices_[id];
  const TablePtr& table = device.inactive ? device.inactive : device.live;
  if (!table) {  // R31
    LegalSet legal = one_of(rule(31), {device.ever_suspended ? EINVAL : 0});
    if (device.suspending) allow(legal, {0, EINVAL});
    return legal;
  }
  if (!table->unsupported.empty()) return {};
  const bool gone = std::ranges::any_of(table->targets, [&](const Target& target) {
    return std::ranges::any_of(target.devices, [&](const TargetDevice& below) {
      return below.device != kNone && (devices_[below.device].gone || devices_[below.device].dying);
    });
  });
  if (gone) {  // what a constructor or the swap asks it may fail, and need not
    LegalSet legal = one_of(device.inactive ? rule(32) : rule(40), {0, EINVAL, EIO, ENODEV, ENXIO});
    legal.may_block = true;
    return legal;
  }
  LegalSet attach = one_of(RuleId::None, {0});
  if (device.inactive) {
    attach = attach_legal(id, *table);
    if (const RuleId refused = swap_refused_by(*table); refused != RuleId::None) {
      LegalSet legal = one_of(refused, {EINVAL});
      if (!attach.allows(0)) legal = attach;
      allow(legal, {EINVAL});
      return legal;
    }
    if (!attach.allows(0)) return attach;
  }
  if ((device.inactive || device.suspended) && handover_refused(id, *table)) {
    return one_of(rule(71), {EINVAL});
  }
  LegalSet legal = one_of(device.inactive ? rule(32) : device.suspended ? rule(40) : rule(31), {0});
  legal.may_block = true;
  legal.errors.add(attach.errors);
  for (const Target& target : table->targets) {
    if (target.type == TargetType::Era &&
        (any_fault(target.devices[0].device) || eras_[target.store].failing)) {
      allow(legal, {EIO, EINVAL});
    }
  }
  return legal;
}

void Machine::apply_suspend(const Operation& operation, DeviceId id) {
  Device& device = devices_[id];
  const bool was = device.suspended;
  device.suspended = true;
  device.ever_suspended = true;
  device.suspended_at = now_;
  const bool lockfs =
      !operation.flags.has(OperationFlag::NoLockfs) && !operation.flags.has(OperationFlag::NoFlush);
  if (!was) {
    device.lockfs_frozen = lockfs;
    device.thawed_while_suspended = false;
  }
}

void Machine::apply_resume(DeviceId id) {
  Device& device = devices_[id];
  const bool swaps = device.inactive != nullptr;
  const bool was_suspended = device.suspended;
  const TablePtr old = swaps ? device.live : nullptr;
  if (swaps) {
    exercised(rule(33));
    const bool moved = device.live && table_text(*device.live) != table_text(*device.inactive);
    device.live = device.inactive;
    device.inactive = nullptr;
    device.read_only = device.live->read_only;
    if (moved) change_snapshot_origins(id);
  }
  device.suspended = false;
  device.lockfs_frozen = false;
  device.blurred = false;
  settle_interposer(id);
  if (!device.live) return;
  device.past = {device.live};
  const TablePtr live = device.live;
  if (swaps || was_suspended) {
    device.resumed_at = resume_invoked_;
    for (const Target& target : live->targets) {
      if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
        activate_snapshot(target);
      }
      if (target.type == TargetType::Era) resume_era(target);
      if (target.type == TargetType::LogWrites) resume_log(target);
    }
  }
  release(id, old);
}

// R32: a swap that fails destroys the new table and leaves the device suspended; a target that
// refuses to go on leaves it suspended with the new table.
void Machine::resume_failed(DeviceId id) {
  Device& device = devices_[id];
  for (SnapStore& store : stores_) store.beginning = false;
  if (!device.inactive) return;
  device.suspended = true;
  device.ever_suspended = true;
  const TablePtr failed = device.inactive;
  device.inactive = nullptr;
  if (swap_refused_by(*failed) == RuleId::None && attach_legal(id, *failed).allows(0) &&
      handover_refused(id, *failed)) {
    const TablePtr old = device.live;
    device.live = failed;
    release(id, old);
  } else {
    release(id, failed);
  }
  settle_interposer(id);
  wait_again(id);
}

// R37: as if it had never been asked; the new table of a resume waits for the next one (R32).
void Machine::interrupted_change(DeviceId id) {
  devices_[id].interrupted = true;
  for (SnapStore& store : stores_) store.beginning = false;
  settle_interposer(id);
}

// What an operation that failed had let go on waits again.
void Machine::wait_again(DeviceId id) {
  for (PendingIo& pending : pending_io_) {
    if (pending.device == kNone || !stack_has(pending.device, id)) continue;
    pending.ambiguous = true;
    const bool here = pending.device == id || devices_[pending.device].interposer == id;
    if (!here) {
      pending.free = true;
      pending.why_free = "it was pending on a stack in which an operation failed";
      continue;
    }
    for (Piece& piece : pending.pieces) piece.certain = false;
    const Range range = operation(pending.id).range;
    Piece waits;
    waits.certain = pending.waited;  // what came before the suspend may have been through
    waits.kind = PieceKind::Deferred;
    waits.device = id;
    if (pending.device != id) waits.redirected = pending.device;
    waits.interposers = pending.device != id ? 1 : 0;
    waits.first_sector = range.first_sector;
    waits.count_sectors = range.count_sectors;
    pending.pieces.push_back(waits);
  }
}

}  // namespace bioscope::spec
