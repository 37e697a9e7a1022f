// SPDX-License-Identifier: Apache-2.0
// What happens to disks under use: they are partitioned (partitions.cc), change their size, go
// away.
//
// Invariants:
//   K1  While such an operation is under way I/O finds the disk as it was or as it will be.
//   K2  From a hot-remove's return on no I/O to the disk succeeds and none waits for a mapped
//   device
//       that was attached over it (R10, P9).
//   K3  Two that overlap on one disk leave it not judged.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {

// Others than tables have it, or its disk or partitions are in use: what tables open is refused.
bool Machine::busy_for_tables(DeviceId id) const {
  const auto in_use = [](const Device& device) {
    return device.exists && (device.mounts > 0 || device.exclusive_opens > 0 || device.claims > 0);
  };
  const Device& device = devices_[id];
  if (device.mounts > 0 || device.exclusive_opens > 0) return true;
  if (device.whole != kNone) return in_use(devices_[device.whole]);
  return std::ranges::any_of(devices_,
                             [&](const Device& part) { return part.whole == id && in_use(part); });
}

bool Machine::busy_for_others(DeviceId id) const {
  return devices_[id].claims > 0 || busy_for_tables(id);
}

LegalSet Machine::disk_legal(const Operation& operation) const {
  const DeviceId id = find_device(operation.device);
  if (id == kNone) return one_of(rule(27), {ENXIO, ENOENT, ENODEV});
  const Device& device = devices_[id];
  const bool disk = !device.mapped && device.whole == kNone;
  switch (operation.kind) {
    case OperationKind::Partition: {
      std::size_t good = 0;
      return partition_legal(operation, id, good);
    }
    case OperationKind::Resize: {
      if (!disk) return one_of(property(9), {EOPNOTSUPP, EINVAL});
      LegalSet legal = one_of(property(9), {0});
      if (operation.number == 0) allow(legal, {EINVAL});
      // Of the kernel's disks only a loop can.
      if (program_->trace.disks[device.disk].kind != DiskKind::Loop) allow(legal, {EOPNOTSUPP});
      return legal;
    }
    case OperationKind::HotRemove: {
      if (!disk) return one_of(property(9), {ENOENT, EINVAL, EOPNOTSUPP});
      LegalSet legal = one_of(property(9), {0});
      if (program_->trace.disks[device.disk].kind != DiskKind::Null) allow(legal, {ENOENT});
      legal.may_block = touches_held_disk(id);
      return legal;
    }
    default: {  // power-cut, reopen
      const bool controlled =
          disk && program_->trace.disks[device.disk].kind == DiskKind::Controlled;
      return controlled ? one_of(property(9), {0})
                        : one_of(property(9), {EOPNOTSUPP, EINVAL, ENXIO});
    }
  }
}

void Machine::invoke_disk(OperationId id) {
  const Operation& operation = this->operation(id);
  PendingDisk pending;
  pending.id = id;
  pending.device = find_device(operation.device);
  pending.legal = disk_legal(operation);
  for (PendingDisk& other : pending_disks_) {
    if (other.device != pending.device || pending.device == kNone) continue;
    other.overlapped = pending.overlapped = true;
    devices_[pending.device].blurred_disk = true;
  }
  if (pending.legal.allows(0) && !pending.overlapped) {
    if (operation.kind == OperationKind::Partition) begin_partitions(pending);
    if (operation.kind == OperationKind::Resize) {
      begin_resize(pending.device, static_cast<u64>(operation.number));
    }
    if (operation.kind == OperationKind::HotRemove) begin_hot_remove(pending.device);
    const bool cut = operation.kind == OperationKind::PowerCut;
    if (cut || operation.kind == OperationKind::Reopen) begin_power(pending.device, cut);
  }
  pending_disks_.push_back(std::move(pending));
}

Verdict Machine::complete_disk(const Event& event) {
  const auto found = std::ranges::find(pending_disks_, event.operation, &PendingDisk::id);
  if (found == pending_disks_.end()) return not_judged("a return without its invoke");
  const PendingDisk pending = std::move(*found);
  pending_disks_.erase(found);
  const Operation& operation = this->operation(event.operation);
  const bool succeeded = event.error == 0;
  if (pending.overlapped) return not_judged("operations on " + operation.device + " overlapped");
  if (pending.device != kNone && pending.legal.allows(0)) {
    if (operation.kind == OperationKind::Partition) finish_partitions(pending, succeeded);
    if (operation.kind == OperationKind::Resize) finish_resize(pending.device, succeeded);
    if (operation.kind == OperationKind::HotRemove) finish_hot_remove(pending.device, succeeded);
    const bool cut = operation.kind == OperationKind::PowerCut;
    if (cut || operation.kind == OperationKind::Reopen) {
      finish_power(pending.device, cut, succeeded);
    }
  }
  if (!pending.legal.allows(event.error)) {
    return violation(
        pending.legal.rule, target_name(pending.device),
        "expected " + errors_text(pending.legal.errors) + ", got " + error_text(event.error));
  }
  exercised(pending.legal.rule);
  return legal_verdict();
}

// I/O that is pending on these sectors of a disk may fail from now on.
void Machine::io_may_fail(DeviceId disk, Range range, RuleId why, bool dead) {
  for (PendingIo& pending : pending_io_) {
    std::vector<Piece> failing;
    for (Piece& piece : pending.pieces) {
      if (piece.kind != PieceKind::Sectors) continue;
      const bool on_view = piece.store != kNone && lies_on(stores_[piece.store], disk);
      const bool overlaps = piece.first_sector < range.end_sector() &&
                            piece.first_sector + piece.count_sectors > range.first_sector;
      if (!on_view && (piece.volume != devices_[disk].volume || !overlaps)) continue;
      piece.certain = false;
      failing.push_back(piece);
    }
    for (Piece& piece : failing) {
      piece.kind = PieceKind::Error;
      piece.rule = why;
      piece.dead = dead;
      pending.pieces.push_back(piece);
    }
  }
}

void Machine::begin_resize(DeviceId id, u64 size_sectors) {
  Device& device = devices_[id];
  device.resizing_to = size_sectors;
  volumes_[device.volume].grow(size_sectors);
  if (cuts_) durable_[device.volume].grow(size_sectors);
  if (size_sectors < device.size_sectors) {
    io_may_fail(id, {size_sectors, device.size_sectors - size_sectors}, rule(1), false);
  }
  for (PendingIo& pending : pending_io_) {  // checked against the old end or against the new one
    const bool past_end = std::ranges::any_of(pending.pieces, [](const Piece& piece) {
      return piece.kind == PieceKind::Error && piece.rule == rule(1);
    });
    if (!past_end || !stack_has(pending.device, id)) continue;
    pending.free = true;
    pending.why_free = device.name + " changed its size meanwhile";
  }
}

void Machine::finish_resize(DeviceId id, bool succeeded) {
  Device& device = devices_[id];
  const u64 before = device.size_sectors;
  const u64 after = succeeded ? device.resizing_to : before;
  device.resizing_to = kNoSize;
  device.size_sectors = after;
  if (after == before) return;
  for (SnapStore& store : stores_) {
    const bool below = stack_has(store.cow, id) || (after < before && stack_has(store.origin, id));
    if (below) store.unknown = true;  // its room has changed, or it lost sectors
  }
  if (after > before) return;
  const Range gone{after, before - after};
  const Candidate nothing{program_->trace.disks[device.disk].kind == DiskKind::Scsi
                              ? CandidateKind::Any
                              : CandidateKind::Zero};
  set_sectors(device.volume, gone, CandidateSet(nothing));
  damage_file_systems(device.volume, gone);
  for (EraStore& era : eras_) {
    if (era.place.volume == device.volume && era.place.sector + era.size_sectors > after) {
      era.unknown = true;
    }
  }
  for (const PendingIo& pending : pending_io_) {
    if (io_kind(operation(pending.id)) == IoKind::Read) continue;
    for (const Piece& piece : pending.pieces) {
      const Range range{piece.first_sector, piece.count_sectors};
      if (piece.kind != PieceKind::Sectors || piece.volume != device.volume) continue;
      widen(piece.volume, range, written_by(pending.id, piece));
    }
  }
}

void Machine::begin_hot_remove(DeviceId id) {
  devices_[id].dying = true;
  io_may_fail(id, {0, ~u64{0}}, rule(10), true);
  for (const Device& device : devices_) {
    const bool here = &device == &devices_[id] || device.whole == id;
    if (here && device.interposer != kNone) release_deferred(device.interposer);
  }
}

void Machine::finish_hot_remove(DeviceId id, bool succeeded) {
  devices_[id].dying = false;
  for (DeviceId each = 0; each < devices_.size(); ++each) {
    if (each != id && devices_[each].whole != id) continue;
    const DeviceId by = devices_[each].interposer;
    if (!succeeded) {
      if (by != kNone && devices_[by].suspended) wait_again(by);
      continue;
    }
    if (by != kNone) detach(by);
    devices_[each].exists = false;
    devices_[each].gone = true;
    devices_[each].attaching = kNone;
    devices_[each].lingering_table = nullptr;
  }
  if (!succeeded) return;
  for (SnapStore& store : stores_) {
    if (!lies_on(store, id)) continue;
    store.may_be_invalid = true;
    store.slack = true;
  }
}

}  // namespace bioscope::spec
