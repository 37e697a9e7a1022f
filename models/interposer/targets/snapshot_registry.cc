// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/snapshot_registry.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string>

#include "models/interposer/block/plug.h"
#include "models/interposer/dm/device_mapper.h"
#include "models/interposer/dm/table.h"
#include "models/interposer/targets/snapshot.h"
#include "models/interposer/targets/snapshot_origin.h"
#include "models/interposer/targets/types.h"
#include "models/interposer/variants.h"
#include "models/runtime/run.h"

namespace bioscope::dm {
namespace {

// Of an origin without snapshots: rounddown_pow_of_two(UINT_MAX). With 0, as it once was, the
// origin splits its first write into nothing and itself (D-p).
u32 no_snapshot_chunk_sectors() {
  return planted(Defect::OriginBoundaryZero) ? 0 : 1U << 31;
}

}  // namespace

SnapshotRegistry& SnapshotRegistry::of(const Table& table) {
  return table.device_mapper().module<SnapshotRegistry>(kSnapshotOriginType);
}

SnapshotRegistry::Origin* SnapshotRegistry::find(const blk::BlockDevice& origin) {
  const auto found = origins_.find(&origin.original());  // G1
  return found == origins_.end() ? nullptr : &found->second;
}

const SnapshotRegistry::Origin* SnapshotRegistry::find(const blk::BlockDevice& origin) const {
  const auto found = origins_.find(&origin.original());
  return found == origins_.end() ? nullptr : &found->second;
}

SnapshotRegistry::Entry* SnapshotRegistry::find(const Snapshot& snapshot) {
  Origin* origin = find(snapshot.origin_bdev());
  if (origin == nullptr) return nullptr;
  const auto found = std::ranges::find(origin->snapshots, &snapshot, &Entry::snapshot);
  return found == origin->snapshots.end() ? nullptr : &*found;
}

void SnapshotRegistry::insert(Origin& origin, const Entry& entry) {
  const auto smaller = std::ranges::find_if(origin.snapshots, [&](const Entry& each) {
    return each.chunk_sectors < entry.chunk_sectors;
  });
  origin.snapshots.insert(smaller, entry);
}

SnapshotRegistry::Sharing SnapshotRegistry::find_sharing_cow(const Snapshot& snapshot) const {
  Sharing sharing;
  const Origin* origin = find(snapshot.origin_bdev());
  if (origin == nullptr) return sharing;
  for (const Entry& each : origin->snapshots) {
    if (each.snapshot == nullptr) continue;
    if (each.snapshot->is_merge()) sharing.merging = each.snapshot;
    if (&each.snapshot->cow_bdev().original() != &snapshot.cow_bdev().original()) continue;
    (each.snapshot->is_active() ? sharing.source : sharing.destination) = each.snapshot;
    ++sharing.count;
  }
  return sharing;
}

std::expected<bool, ConstructError> SnapshotRegistry::validate_handover(
    const Snapshot& snapshot) const {
  const Sharing sharing = find_sharing_cow(snapshot);
  const auto refuse = [](std::string why) {
    return std::unexpected(ConstructError{EINVAL, std::move(why)});
  };
  if (sharing.count == 2 || sharing.destination != nullptr) {
    return refuse("Snapshot cow pairing for exception table handover failed");
  }
  if (sharing.source == nullptr) return false;
  if (!snapshot.is_merge()) return true;
  if (sharing.merging != nullptr) return refuse("A snapshot is already merging.");
  if (!sharing.source->can_merge()) {
    return refuse("Snapshot exception store does not support snapshot-merge.");
  }
  return true;
}

std::expected<bool, ConstructError> SnapshotRegistry::add(Snapshot& snapshot, u32 chunk_sectors) {
  const rt::WriteGuard guard(origins_lock);
  auto handover = validate_handover(snapshot);
  if (!handover) return handover;
  insert(origins_[&snapshot.origin_bdev().original()], {&snapshot, *handover ? 0 : chunk_sectors});
  return handover;
}

void SnapshotRegistry::move(Snapshot& snapshot, u32 chunk_sectors) {
  const rt::WriteGuard guard(origins_lock);
  Origin* origin = find(snapshot.origin_bdev());
  std::erase_if(origin->snapshots, [&](const Entry& each) { return each.snapshot == &snapshot; });
  insert(*origin, {&snapshot, chunk_sectors});
}

void SnapshotRegistry::set_chunk_sectors(Snapshot& snapshot, u32 chunk_sectors) {
  const rt::WriteGuard guard(origins_lock);
  if (Entry* entry = find(snapshot)) entry->chunk_sectors = chunk_sectors;
}

void SnapshotRegistry::remove(Snapshot& snapshot) {
  const rt::WriteGuard guard(origins_lock);
  Entry* entry = find(snapshot);
  if (entry == nullptr) return;
  if (planted(Defect::StaysRegistered)) {
    entry->snapshot = nullptr;
    return;
  }
  Origin* origin = find(snapshot.origin_bdev());
  origin->snapshots.erase(origin->snapshots.begin() + (entry - origin->snapshots.data()));
  if (origin->snapshots.empty()) origins_.erase(&snapshot.origin_bdev().original());
}

u32 SnapshotRegistry::minimum_chunk_sectors(const blk::BlockDevice& origin) {
  const rt::ReadGuard guard(origins_lock);
  u32 least = no_snapshot_chunk_sectors();
  const Origin* found = find(origin);
  if (found == nullptr) return least;
  for (const Entry& each : found->snapshots) {
    if (each.chunk_sectors == 0) continue;
    least = least == 0 ? each.chunk_sectors : std::min(least, each.chunk_sectors);
  }
  return least;
}

void SnapshotRegistry::add_origin(const Target& target, const blk::BlockDevice& origin) {
  const rt::WriteGuard guard(origins_lock);
  dm_origins_.push_back({&target, &origin.original(), &target.table.owner()});
}

void SnapshotRegistry::remove_origin(const Target& target) {
  const rt::WriteGuard guard(origins_lock);
  std::erase_if(dm_origins_, [&](const DmOrigin& each) { return each.target == &target; });
}

MappedDevice* SnapshotRegistry::find_origin(const blk::BlockDevice& origin) const {
  const auto found = std::ranges::find(dm_origins_, &origin.original(), &DmOrigin::origin);
  return found == dm_origins_.end() ? nullptr : found->device;
}

bool SnapshotRegistry::write(Origin& origin, u64 sector, blk::Bio* bio) {
  bool waits = false;
  PendingException* start_last = nullptr;
  for (const Entry& each : origin.snapshots) {
    if (each.snapshot == nullptr) {
      rt::fail("an origin write meets a snapshot that is gone");
      return waits;
    }
    // A merging snapshot gets no new exceptions: it is as good as deleted.
    if (each.snapshot->is_merge()) continue;
    if (each.snapshot->copy_out(sector, bio, start_last)) waits = true;
  }
  // The one that the bio is queued on goes last, to give the others a head start.
  if (start_last != nullptr) start_last->snapshot.start_copy(*start_last);
  return waits;
}

MapResult SnapshotRegistry::do_origin(const blk::BlockDevice& origin, blk::Bio& bio, bool limit) {
  for (;;) {
    u64 seen = 0;
    {
      const rt::ReadGuard guard(origins_lock);
      Origin* found = find(origin);
      if (found == nullptr) return MapResult::Remapped;
      if (limit) seen = copies_ended();
      const bool busy = limit && std::ranges::any_of(found->snapshots, [](const Entry& each) {
                          return each.snapshot != nullptr && each.snapshot->too_many_copies();
                        });
      if (!busy) {
        return write(*found, bio.iter.sector, &bio) ? MapResult::Submitted : MapResult::Remapped;
      }
    }
    wait_for_copies(seen);
  }
}

bool SnapshotRegistry::write_extent(const blk::BlockDevice& origin, u64 sector, u64 count_sectors,
                                    u64 step_sectors) {
  const rt::ReadGuard guard(origins_lock);
  Origin* found = find(origin);
  if (found == nullptr) return false;
  bool waits = false;
  for (u64 done = 0; done < count_sectors; done += step_sectors) {
    if (write(*found, sector + done, nullptr)) waits = true;
  }
  return waits;
}

void SnapshotRegistry::exception_done() {
  exceptions_done_.fetch_add(1);
  exceptions_wait_.wake_up_all();
}

void SnapshotRegistry::wait_for_exception(u64 seen) {
  blk::flush_plug();
  exceptions_wait_.wait_event([&] { return exceptions_done_.load() != seen; });
}

void SnapshotRegistry::copies_fell() {
  copies_ended_.fetch_add(1);
  copies_wait_.wake_up_all();
}

void SnapshotRegistry::wait_for_copies(u64 seen) {
  blk::flush_plug();
  copies_wait_.wait_event([&] { return copies_ended_.load() != seen; });
}

}  // namespace bioscope::dm
