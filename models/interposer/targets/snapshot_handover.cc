// SPDX-License-Identifier: Apache-2.0
// When the same COW device is in two tables: exceptions go from the old one to the new one as that
// is resumed (R71). snapshot_preresume(), snapshot_resume().
#include <cerrno>
#include <utility>

#include "models/interposer/dm/mapped_device.h"
#include "models/interposer/dm/table.h"
#include "models/interposer/targets/snapshot.h"
#include "models/interposer/targets/snapshot_merge.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {

int Snapshot::preresume() {
  const rt::ReadGuard guard(registry_.origins_lock);
  const SnapshotRegistry::Sharing sharing = registry_.find_sharing_cow(*this);
  if (sharing.source == nullptr || sharing.destination == nullptr) return 0;
  if (sharing.source == this) return EINVAL;  // until the handover is over
  return sharing.source->table.owner().suspended() ? 0 : EINVAL;
}

// The origin is drained meanwhile, so that no exception of the source is pending while it changes
// hands. Its targets are not told: a split boundary that was right before stays (R74). It goes on
// when this snapshot is active: 6.1 lets it go on before, and an origin write in between is copied
// by neither of the two, unless the user has suspended the origin as the documentation demands.
void Snapshot::resume() {
  MappedDevice* origin_device = nullptr;
  SnapshotMerge* merging = nullptr;
  {
    const rt::ReadGuard guard(registry_.origins_lock);
    origin_device = registry_.find_origin(*origin_.bdev);
    if (origin_device == nullptr) {
      merging = static_cast<SnapshotMerge*>(registry_.find_sharing_cow(*this).merging);
      if (merging != nullptr) origin_device = &merging->table.owner();
    }
    if (origin_device == &table.owner() || planted(Defect::HandoverUndrained)) {
      origin_device = nullptr;
    }
    if (origin_device != nullptr && !origin_device->hold()) origin_device = nullptr;
  }
  Snapshot* source = nullptr;
  bool restart_merge = false;
  if (origin_device != nullptr) {
    origin_device->internal_suspend();
    restart_merge = merging != nullptr && merging->merge_runs();
    if (restart_merge) merging->stop_merge();
  }
  {
    const rt::ReadGuard guard(registry_.origins_lock);
    const SnapshotRegistry::Sharing sharing = registry_.find_sharing_cow(*this);
    if (sharing.source != nullptr && sharing.destination != nullptr) {
      source = sharing.source;
      source->hand_over(*sharing.destination);
    }
  }
  if (source != nullptr) registry_.set_chunk_sectors(*source, 0);
  if (!planted(Defect::HandoverActiveLate)) activate();
  if (origin_device != nullptr) {
    if (restart_merge) merging->start_merge();
    origin_device->internal_resume();
    origin_device->put();
  }
  if (planted(Defect::HandoverActiveLate)) activate();
}

void Snapshot::activate() {
  registry_.move(*this, store_->chunk_sectors());
  const rt::WriteGuard guard(lock_);
  active_ = true;
}

// __handover_exceptions(). The source keeps the store that was never read and is invalid, so that
// no I/O gets to it.
void Snapshot::hand_over(Snapshot& destination) {
  const rt::WriteGuard guard(lock_);
  const rt::WriteGuard destination_guard(destination.lock_);
  std::swap(complete_, destination.complete_);
  std::swap(store_, destination.store_);
  destination.store_->overflow_supported = store_->overflow_supported;
  destination.store_->set_devices(destination.origin_, destination.cow_);
  store_->set_devices(origin_, cow_);
  destination.max_io_len_sectors = destination.store_->chunk_sectors();
  destination.valid_ = valid_;
  destination.overflowed_ = overflowed_;
  valid_ = false;
}

}  // namespace bioscope::dm
