// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/snapshot_merge.h"

#include <algorithm>
#include <cerrno>

#include "models/interposer/block/submit.h"
#include "models/interposer/targets/types.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {

Constructed SnapshotMerge::construct(const TargetArguments& arguments) {
  auto parts = prepare(arguments);
  if (!parts) return std::unexpected(parts.error());
  if (!parts->store->can_merge()) {
    return std::unexpected(
        ConstructError{EINVAL, "Snapshot exception store does not support snapshot-merge."});
  }
  std::unique_ptr<SnapshotMerge> merge(new SnapshotMerge(arguments, std::move(*parts)));
  if (auto refused = merge->start()) return std::unexpected(std::move(*refused));
  return merge;
}

void SnapshotMerge::shut_down() {
  stop_merge();
  Snapshot::shut_down();
}

// snapshot_merge_map().
MapResult SnapshotMerge::map(blk::Bio& clone) {
  TrackedChunks::init(clone);
  if ((clone.opf & blk::kReqPreflush) != 0) {
    blk::bio_set_dev(clone, target_bio_number(clone) == 0 ? origin_.bdev : cow_.bdev);
    return MapResult::Remapped;
  }
  if (clone.op == blk::BioOp::Discard) {
    blk::bio_endio(clone);
    return MapResult::Submitted;
  }
  bool to_origin = false;
  const MapResult result = map_locked(clone, to_origin);
  if (!to_origin) return result;
  return registry_.do_origin(*origin_.bdev, clone, false);
}

MapResult SnapshotMerge::map_locked(blk::Bio& clone, bool& to_origin) {
  const rt::WriteGuard guard(lock_);
  const bool write = blk::bio_is_write(clone);
  const u64 chunk = store_->sector_to_chunk(clone.iter.sector);
  const std::optional<u64> copy = valid_ ? complete_.find(chunk) : std::nullopt;
  if (!copy) {  // also of an invalid one: the origin is all there is
    blk::bio_set_dev(clone, origin_.bdev);
    to_origin = write;
    return MapResult::Remapped;
  }
  const bool being_merged =
      chunk >= first_merging_chunk_ && chunk - first_merging_chunk_ < merging_chunks_;
  if (write && being_merged && !planted(Defect::MergeWriteNotDeferred)) {
    blk::bio_set_dev(clone, origin_.bdev);
    queued_.add(&clone);
    return MapResult::Submitted;
  }
  remap_to_copy(clone, *copy);
  if (write) tracked_.track(clone, chunk);
  return MapResult::Remapped;
}

void SnapshotMerge::presuspend() {
  stop_merge();
}

void SnapshotMerge::resume() {
  Snapshot::resume();
  max_io_len_sectors = origin_minimum_chunk_sectors();  // it is an origin as well
  start_merge();
}

void SnapshotMerge::start_merge() {
  if (!running_.exchange(true)) merge_next_chunks();
}

void SnapshotMerge::stop_merge() {
  stopping_.store(true);
  stopped_wait_.wait_event([this] { return !running_.load(); });
  stopping_.store(false);
}

void SnapshotMerge::end_merge(bool failed) {
  blk::BioList bios;
  if (failed) {
    const rt::WriteGuard guard(lock_);
    merge_failed_ = true;
    merging_chunks_ = 0;
    bios = queued_.take();
  }
  while (blk::Bio* bio = bios.pop()) blk::bio_end_with(*bio, EIO);
  running_.store(false);
  stopped_wait_.wake_up_all();
}

// snapshot_merge_next_chunks(): called where the merge starts and by kcopyd's worker.
void SnapshotMerge::merge_next_chunks() {
  bool valid = false;
  if (!stopping_.load()) {
    const rt::ReadGuard guard(lock_);
    valid = valid_;
  }
  if (!valid) {
    end_merge(false);
    return;
  }
  const auto run = store_->prepare_merge();
  if (!run || run->count == 0 || !begin_run(*run)) {
    const bool finished = run && run->count == 0;
    end_merge(!finished);
  }
}

// False: the run does not lie on the origin.
bool SnapshotMerge::begin_run(const MergeRun& run) {
  const u64 first_chunk = run.last_old_chunk + 1 - run.count;
  const u64 sectors = u64{run.count} * store_->chunk_sectors();
  const u64 origin_sectors = origin_.bdev->nr_sectors();
  const u64 first_sector = store_->chunk_to_sector(first_chunk);
  if (first_sector >= origin_sectors) return false;
  const u64 copied_sectors = std::min(sectors, origin_sectors - first_sector);

  // Other snapshots get what the merge is about to overwrite. Any exception that completes wakes
  // this, wherever it is, and it asks again.
  u64 seen = registry_.exceptions_done();
  while (registry_.write_extent(*origin_.bdev, first_sector, sectors, max_io_len_sectors)) {
    registry_.wait_for_exception(seen);
    seen = registry_.exceptions_done();
  }
  {
    const rt::WriteGuard guard(lock_);
    first_merging_chunk_ = first_chunk;
    merging_chunks_ = run.count;
  }
  for (u64 i = 0; i < run.count; ++i) tracked_.wait_until_free(first_chunk + i);

  const u64 copy_sector = store_->chunk_to_sector(run.last_new_chunk + 1 - run.count);
  kcopyd_->copy({cow_.bdev, copy_sector, copied_sectors},
                {origin_.bdev, first_sector, copied_sectors},
                [this](int read_error, int write_error) {
                  run_copied(read_error != 0 ? read_error : write_error);
                });
  return true;
}

// merge_callback().
void SnapshotMerge::run_copied(int error) {
  if (planted(Defect::MergeErrorIgnored)) error = 0;
  if (error == 0 && planted(Defect::MergeDropsEarly)) {
    const u32 count = merging_chunks_;
    error = drop_run();
    if (error == 0) error = blk::blkdev_issue_flush(*origin_.bdev);
    if (error == 0) error = store_->commit_merge(count);
  } else {
    if (error == 0) error = commit_run();
    if (error == 0) error = drop_run();
  }
  if (error != 0) {
    end_merge(true);
    return;
  }
  merge_next_chunks();
}

int SnapshotMerge::commit_run() {
  if (const int error = blk::blkdev_issue_flush(*origin_.bdev); error != 0) return error;
  return store_->commit_merge(merging_chunks_);
}

// remove_single_exception_chunk(): from the end, as runs shrink there (E1).
int SnapshotMerge::drop_run() {
  blk::BioList bios;
  {
    const rt::WriteGuard guard(lock_);
    for (u64 i = merging_chunks_; i-- > 0;) {
      const int error = complete_.remove(first_merging_chunk_ + i);
      if (error != 0) return error;  // what lies on the disk is not what is in core
    }
    first_merging_chunk_ = 0;
    merging_chunks_ = 0;
    bios = queued_.take();
  }
  // Straight to the origin: the other snapshots have their copies of these chunks.
  while (blk::Bio* bio = bios.pop()) blk::submit_bio_noacct(*bio);
  return 0;
}

const TargetType kSnapshotMergeType{.name = "snapshot-merge",
                                    .construct = &SnapshotMerge::construct};

}  // namespace bioscope::dm
