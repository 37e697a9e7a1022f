// SPDX-License-Identifier: Apache-2.0
// Power cuts: what a controlled disk may hold afterwards. Kept beside what it holds now, and only
// for traces that cut the power at all.
//
// Invariants:
//   W1  `durable_` of a volume holds, for each sector, every value that a power cut now could
//   leave:
//       sectors are atomic, writes are not, and each sector is left on its own.
//   W2  It loses a value only to a write that is on the medium for certain: written with FUA or to
//   a
//       disk without a cache, or returned before a flush was invoked that has succeeded.
//   W3  A power cut makes `durable_` what the disk holds. What was under way may have reached the
//       medium, and fails or had succeeded before.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {

// Whether a volume's completed writes may still be lost: a snapshot's view lies on its COW device.
bool Machine::is_volatile(VolumeId volume) const {
  const auto& disks = program_->trace.disks;
  if (volume < disks.size()) return disks[volume].cache == CacheMode::Volatile;
  for (const SnapStore& store : stores_) {
    if (store.view != volume) continue;
    for (VolumeId disk = 0; disk < disks.size(); ++disk) {
      if (disks[disk].cache == CacheMode::Volatile && stack_has(store.cow, disk, store.cow_below)) {
        return true;
      }
    }
  }
  return false;
}

// It has no power, or had none at some moment of an operation that is under way.
bool Machine::power_unsure(VolumeId volume) const {
  const Device& disk = devices_[volume];
  if (disk.unpowered || disk.losing_power || disk.gaining_power) return true;
  if (disk.power_changed_at == 0) return false;
  return std::ranges::any_of(under_way_,
                             [&](OperationId id) { return invoked_[id] < disk.power_changed_at; });
}

// The volumes that a flush of the device reaches for certain.
void Machine::flushed_by(DeviceId id, bool below, std::vector<VolumeId>& out, u32 depth) const {
  if (id == kNone || depth > kMaxDepth) return;
  const Device& device = devices_[id];
  if (!device.exists || device.blurred || device.blurred_disk || device.suspended) return;
  if (!below && may_be_interposed(device)) {
    if (device.interposer != kNone && devices_[device.interposer].removes == 0) {
      flushed_by(device.interposer, true, out, depth + 1);
    }
    return;
  }
  if (device.whole != kNone) return flushed_by(device.whole, false, out, depth + 1);
  if (!device.mapped) return out.push_back(device.volume);
  if (device.resuming || device.suspending || !device.live || !device.live->unsupported.empty()) {
    return;
  }
  for (const Target& target : device.live->targets) {
    switch (target.type) {
      case TargetType::Flakey:
        if (target.down_seconds > 0) continue;
        break;
      case TargetType::Snapshot:
        if (stores_[target.store].view != kNone) out.push_back(stores_[target.store].view);
        continue;
      case TargetType::SnapshotMerge:
        continue;
      case TargetType::Era:
        flushed_by(target.devices[1].device, target.devices[1].below, out, depth + 1);
        continue;
      case TargetType::Delay:
        if (target.devices.size() > 1) continue;
        break;
      case TargetType::LogWrites:
        flushed_by(target.devices[0].device, target.devices[0].below, out, depth + 1);
        continue;
      default:
        break;
    }
    for (const TargetDevice& next : target.devices) {
      flushed_by(next.device, next.below, out, depth + 1);
    }
  }
}

// A flush, or a write that begins with one, is invoked: what the volumes hold now.
void Machine::begin_flush(PendingIo& pending) {
  if (!cuts_ || pending.device == kNone) return;
  const Operation& operation = this->operation(pending.id);
  const bool flushes =
      io_kind(operation) == IoKind::Flush ||
      (io_kind(operation) == IoKind::Write && operation.flags.has(OperationFlag::Preflush));
  if (!flushes) return;
  std::vector<VolumeId> reached;
  flushed_by(pending.device, false, reached, 0);
  auto flushed = std::make_shared<FlushedVolumes>();
  for (const VolumeId volume : reached) flushed->emplace_back(volume, volumes_[volume]);
  pending.flushed = std::move(flushed);
}

// W2: it has succeeded.
void Machine::settle_flush(const PendingIo& pending) {
  if (!pending.flushed) return;
  for (const auto& [volume, before] : *pending.flushed) {
    if (pending.swapped || fault_possible(volume, {0, 0}, DiskRequest::Flush)) continue;
    Contents& durable = durable_[volume];
    before.for_each({0, before.size_sectors()}, [&](u64 first, u64 end, const CandidateSet& set) {
      durable.change({first, end - first}, [&](CandidateSet& left) {
        left.keep_if([&](const Candidate& candidate) {
          return candidate.writer == kForEver || set.contains(candidate) ||
                 (candidate.writer != kBeforeAll &&
                  invoked_[candidate.writer] >= invoked_[pending.id]);
        });
      });
    });
  }
}

// W2: a write that has succeeded and is on the medium.
void Machine::settle_durable(const PendingIo& pending, const Piece& piece) {
  if (!cuts_) return;
  const bool fua = operation(pending.id).flags.has(OperationFlag::Fua);
  if (!fua && is_volatile(piece.volume)) return;
  durable_[piece.volume].change({piece.first_sector, piece.count_sectors}, [&](CandidateSet& set) {
    set.keep_if([&](const Candidate& candidate) {
      return candidate.writer == pending.id || !returned_before(candidate.writer, pending.id);
    });
  });
}

bool Machine::lies_on(const SnapStore& store, DeviceId disk) const {
  return stack_has(store.cow, disk, store.cow_below) ||
         stack_has(store.origin, disk, store.origin_below);
}

void Machine::begin_power(DeviceId id, bool cut) {
  Device& device = devices_[id];
  (cut ? device.losing_power : device.gaining_power) = true;
  if (!cut) return;
  for (LogTarget& log : logs_) log.unknown = log.unknown || log.place.volume == device.volume;
  io_may_fail(id, {0, ~u64{0}}, property(9), false);
  flushes_are_over(id);
}

// What succeeds from now on may have been lost right afterwards.
void Machine::flushes_are_over(DeviceId disk) {
  for (PendingIo& pending : pending_io_) {
    if (stack_has(pending.device, disk)) pending.ambiguous = true;
    if (!pending.flushed) continue;
    auto left = std::make_shared<FlushedVolumes>(*pending.flushed);
    std::erase_if(*left, [&](const auto& flushed) {
      return flushed.first == devices_[disk].volume ||
             flushed.first >= program_->trace.disks.size();
    });
    pending.flushed = std::move(left);
  }
}

void Machine::finish_power(DeviceId id, bool cut, bool succeeded) {
  Device& device = devices_[id];
  (cut ? device.losing_power : device.gaining_power) = false;
  if (!succeeded) return;
  device.unpowered = cut;
  device.power_changed_at = now_;
  if (!cut) return;
  flushes_are_over(id);
  volumes_[device.volume] = durable_[device.volume];
  for (SnapStore& store : stores_) {
    if (lies_on(store, id)) cut_store(store, id);
  }
  for (EraStore& era : eras_) {
    if (era.place.volume == device.volume) cut_era(era);
  }
  for (FileSystem& system : file_systems_) {
    const bool on_disk = system.place.volume == device.volume;
    const bool on_view = std::ranges::any_of(stores_, [&](const SnapStore& store) {
      return store.view == system.place.volume && lies_on(store, id);
    });
    if (on_disk || on_view) forget(system);
  }
}

}  // namespace bioscope::spec
