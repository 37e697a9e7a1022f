// SPDX-License-Identifier: Apache-2.0
// How a chunk gets to the COW device: from __origin_write() and start_copy() to
// pending_complete().
#include <algorithm>
#include <cerrno>
#include <vector>

#include "models/interposer/block/submit.h"
#include "models/interposer/dm/mapped_device.h"
#include "models/interposer/dm/table.h"
#include "models/interposer/targets/snapshot.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {
namespace {

void end_bios(blk::BioList bios, int error) {
  while (blk::Bio* bio = bios.pop()) blk::bio_end_with(*bio, error);
}

void submit_bios(blk::BioList bios) {
  while (blk::Bio* bio = bios.pop()) blk::submit_bio_noacct(*bio);
}

}  // namespace

PendingException* Snapshot::make_pending(u64 chunk, std::unique_lock<rt::Mutex>& tables,
                                         std::optional<u64>& copy) {
  tables.unlock();
  std::unique_ptr<PendingException> fresh = pending_.allocate(*this);
  tables.lock();
  PendingException* pending = nullptr;
  if (!planted(Defect::NotFoundAgain)) {
    copy = complete_.find(chunk);
    if (!copy) pending = pending_.find(chunk);
  }
  if (!copy && pending == nullptr) pending = pending_.insert(fresh, chunk, *store_);
  if (fresh != nullptr) {
    tables.unlock();
    pending_.release(std::move(fresh));
    tables.lock();
  }
  return pending;
}

bool Snapshot::copy_out(u64 sector, blk::Bio*& bio, PendingException*& start_last) {
  PendingException* start_now = nullptr;
  {
    const rt::ReadGuard guard(lock_);
    std::unique_lock tables(pe_lock_);
    if (!valid_ || !active_) return false;
    if (sector >= table.size_sectors()) return false;
    if (planted(Defect::SnapshotChunkOffByOne) && sector + 1 < table.size_sectors()) ++sector;
    const u64 chunk = store_->sector_to_chunk(sector);
    PendingException* pending = pending_.find(chunk);
    if (pending == nullptr) {
      if (complete_.find(chunk)) return false;
      std::optional<u64> copy;
      pending = make_pending(chunk, tables, copy);
      if (copy) return false;
    }
    if (pending != nullptr) {
      const bool first = !std::exchange(pending->started, true);
      if (bio != nullptr) {
        pending->origin_bios.add(std::exchange(bio, nullptr));
        if (first) start_last = pending;
      } else if (first) {
        start_now = pending;
      }
      if (start_now == nullptr) return true;
    }
  }
  if (start_now == nullptr) {
    invalidate(ENOMEM);  // no room, and userspace is not asked (R68)
    return false;
  }
  start_copy(*start_now);
  return true;
}

void Snapshot::start_copy(PendingException& pending) {
  const u64 first_sector = store_->chunk_to_sector(pending.exception.old_chunk);
  const u64 left_sectors = origin_.bdev->nr_sectors() - first_sector;
  const u64 sectors = std::min<u64>(store_->chunk_sectors(), left_sectors);
  const IoRegion from{origin_.bdev, first_sector, sectors};
  const IoRegion to{cow_.bdev, store_->chunk_to_sector(pending.exception.new_chunk), sectors};
  begin_copy();
  if (planted(Defect::InsertedBeforeCopy)) {
    const std::lock_guard tables(pe_lock_);
    complete_.insert(pending.exception);
  }
  if (planted(Defect::LastChunkNotCopied) && sectors < store_->chunk_sectors()) {
    kcopyd_->do_callback([this, &pending](int, int) { copy_done(pending, 0); });
    return;
  }
  kcopyd_->copy(from, to, [this, &pending](int read_error, int write_error) {
    copy_done(pending, read_error != 0 ? read_error : write_error);
  });
}

// copy_callback().
void Snapshot::copy_done(PendingException& pending, int error) {
  pending.copy_error = error != 0 && !planted(Defect::CopyErrorIgnored);
  std::vector<PendingException*> ready;
  pending_.copied(pending, ready);
  for (PendingException* each : ready) {
    store_->commit_exception(each->exception, !each->copy_error,
                             [this, each](bool success) { complete_exception(*each, success); });
  }
  end_copy();
}

// pending_complete().
void Snapshot::complete_exception(PendingException& pending, bool success) {
  const u64 chunk = pending.exception.old_chunk;
  if (success) {
    const rt::ReadGuard guard(lock_);
    const std::lock_guard tables(pe_lock_);
    success = valid_;
    if (success) complete_.insert(pending.exception);
  } else {
    invalidate(EIO);
  }
  // Later reads find the copy. Those before are still on their way to the origin, which nobody
  // overwrites while the exception is pending.
  if (success) tracked_.wait_until_free(chunk);

  std::unique_ptr<PendingException> done;
  {
    const std::lock_guard tables(pe_lock_);
    done = pending_.take(pending);
  }
  registry_.exception_done();
  const int error = success ? 0 : EIO;
  if (done->full_bio != nullptr) blk::bio_end_with(*done->full_bio, error);
  if (success) {
    submit_bios(done->snapshot_bios.take());
  } else {
    end_bios(done->snapshot_bios.take(), error);
  }
  // Other snapshots may want a copy as well (retry_origin_bios).
  blk::BioList origin_bios = done->origin_bios.take();
  while (blk::Bio* bio = origin_bios.pop()) {
    if (planted(Defect::SecondForgotten) ||
        registry_.do_origin(*origin_.bdev, *bio, false) == MapResult::Remapped) {
      blk::submit_bio_noacct(*bio);
    }
  }
  pending_.release(std::move(done));
}

void Snapshot::end_copy() {
  if (copies_.fetch_sub(1) == kCowThreshold + 1) registry_.copies_fell();
}

void Snapshot::wait_for_copies() {
  while (too_many_copies()) {
    const u64 seen = registry_.copies_ended();
    if (too_many_copies()) registry_.wait_for_copies(seen);
  }
}

void Snapshot::invalidate(int error) {
  const rt::WriteGuard guard(lock_);
  invalidate_locked(error);
}

void Snapshot::invalidate_locked(int) {
  if (!valid_) return;
  store_->drop_snapshot();
  valid_ = false;
  table.owner().event();
}

}  // namespace bioscope::dm
