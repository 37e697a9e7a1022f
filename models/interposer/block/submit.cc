// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/submit.h"

#include <cerrno>

#include "models/interposer/block/gendisk.h"
#include "models/interposer/block/interpose.h"
#include "models/interposer/block/system.h"
#include "models/interposer/variants.h"
#include "models/runtime/thread.h"

namespace bioscope::blk {
namespace {

// What current->bio_list points at while a ->submit_bio of the task is active: what that one has
// submitted, and what was waiting before it began.
struct PendingBios {
  BioList submitted;
  BioList older;
};

void*& pending_of_task() {
  return rt::task_slot(kBioListSlot);
}

// bio_check_eod() (R1). Beyond 2^64 nothing wraps: the sum is never formed.
bool ends_within(const Bio& bio, u64 device_sectors) {
  const u64 sectors = bio_sectors(bio);
  if (sectors == 0) return true;
  if (planted(Defect::EndCheckOffByOne)) ++device_sectors;
  return sectors <= device_sectors && bio.iter.sector <= device_sectors - sectors;
}

// blk_partition_remap(): an empty flush has no sector to move.
void remap_partition(Bio& bio, u64 start_sector) {
  if (bio_sectors(bio) > 0) bio.iter.sector += start_sector;
  if (!planted(Defect::RemapTwice)) bio.flags |= kBioRemapped;
}

bool op_is_offered(BioOp op, const RequestQueue& queue) {
  switch (op) {
    case BioOp::Read:
    case BioOp::Write:
      return true;
    case BioOp::Flush:
      return false;  // only made by the flush machinery (R6)
    case BioOp::Discard:
      return queue.offers_discard();
    case BioOp::SecureErase:
      return queue.offers_secure_erase();
    case BioOp::WriteZeroes:
      return queue.offers_write_zeroes();
  }
  return false;
}

// I2. The queue was left, the reference is the caller's.
void redirect(Bio& bio, const Redirect& to, Watcher* watcher) {
  const bool below_partition = to.device != &bio.bdev->original();
  if (bio.bdev->is_partition() && !below_partition && !planted(Defect::NoUnremap)) {
    if (bio_sectors(bio) > 0) bio.iter.sector -= bio.bdev->start_sector();
    bio.flags &= ~kBioRemapped;
  }
  if (planted(Defect::FlagHidesSecond)) bio.flags |= kBioRedirected;
  Interposer& interposer = *to.interposer;
  if (watcher != nullptr) watcher->entered(bio, interposer.interposer_name());
  interposer.submit_redirected(bio);
  if (watcher != nullptr) watcher->left(interposer.interposer_name());
  interposer.redirects.put();
}

enum class Went : u8 { ToDriver, ToInterposer, ToTail };

// D-h: the posted loop puts a redirected bio behind everything that waits, and goes on.
bool append_to_tail(Bio& bio, PendingBios& pending) {
  if (!planted(Defect::TailAppend)) return false;
  if ((bio.flags & kBioTailAppended) != 0) {
    bio.flags &= ~kBioTailAppended;
    return false;
  }
  bio.flags |= kBioTailAppended;
  pending.older.add(&bio);
  return true;
}

// __submit_bio(). `recursed`: it was submitted by a ->submit_bio.
Went dispatch(Bio& bio, PendingBios& pending, bool recursed) {
  BlockDevice& bdev = *bio.bdev;
  Gendisk& disk = bdev.disk();
  RequestQueue& queue = disk.queue();
  Watcher* watcher = disk.system().watcher();
  Redirect early;
  const bool test_early =
      planted(Defect::PointerBeforeEntry) || (planted(Defect::NoLockForRecursion) && recursed);
  if (test_early) early = redirect_of(bio);
  if (const int error = queue.enter((bio.opf & kReqNowait) != 0); error != 0) {
    bio_end_with(bio, error);
    return Went::ToDriver;
  }
  const Redirect to = test_early ? early : redirect_of(bio);
  if (to.interposer != nullptr) {
    if (append_to_tail(bio, pending)) {
      queue.exit();
      return Went::ToTail;
    }
    to.interposer->redirects.get();
    queue.exit();
    redirect(bio, to, watcher);
    return Went::ToInterposer;
  }
  Driver& driver = disk.driver();
  const bool bio_based = driver.bio_based();
  if (watcher != nullptr) watcher->entered(bio, disk.whole().name());
  driver.submit_bio(bio);
  if (watcher != nullptr) watcher->left(disk.whole().name());
  if (bio_based) queue.exit();  // Q3
  return Went::ToDriver;
}

// Where the bio went to that is through: compared only, it may be gone.
struct Level {
  const BlockDevice* bdev;
  const RequestQueue* queue;
};

// U2, U3: what was submitted meanwhile goes before what is older, lower levels first.
void sort_levels(PendingBios& pending, const Level& from, Went went) {
  if (pending.submitted.empty()) {
    pending.submitted.merge(pending.older);
    return;
  }
  BioList lower;
  BioList same;
  while (Bio* bio = pending.submitted.pop()) {
    const bool stays =
        went == Went::ToInterposer ? bio->bdev == from.bdev : &bio->bdev->queue() == from.queue;
    (stays ? same : lower).add(bio);
  }
  pending.submitted.merge(lower);
  pending.submitted.merge(same);
  pending.submitted.merge(pending.older);
}

// __submit_bio_noacct() and __submit_bio_noacct_mq().
void submit_all(Bio& first) {
  PendingBios pending;
  pending_of_task() = &pending;
  bool sorted = first.bdev->disk().driver().bio_based();
  bool recursed = false;
  Bio* bio = &first;
  do {
    const Level from{bio->bdev, &bio->bdev->queue()};
    pending.older = pending.submitted.take();
    const Went went = dispatch(*bio, pending, recursed);
    if (!recursed && went == Went::ToInterposer) sorted = true;
    recursed = true;
    if (sorted && !planted(Defect::FifoOrder)) {
      sort_levels(pending, from, went);
    } else {
      pending.submitted.merge_head(pending.older);
    }
  } while ((bio = pending.submitted.pop()) != nullptr);
  pending_of_task() = nullptr;
}

#ifdef BIOSCOPE_VARIANTS
// D-d: the posted submit path holds the lock of the block device, whoever submits.
void submit_all_locked(Bio& bio) {
  rt::PercpuRwSemaphore& lock = bio.bdev->original().posted_lock;
  if ((bio.opf & kReqNowait) == 0) {
    lock.down_read();
  } else if (!lock.down_read_trylock()) {
    bio_end_with(bio, EAGAIN);
    return;
  }
  submit_all(bio);
  lock.up_read();
}
#endif

}  // namespace

void submit_bio(Bio& bio) {
  submit_bio_noacct(bio);
}

void submit_bio_noacct(Bio& bio) {
  BlockDevice& bdev = *bio.bdev;
  Gendisk& disk = bdev.disk();
  const RequestQueue& queue = disk.queue();
  if (Watcher* watcher = disk.system().watcher()) watcher->submitted(bio);
  if ((bio.opf & kReqNowait) != 0 && !queue.offers_nowait()) return bio_end_with(bio, EOPNOTSUPP);
  if ((bio.flags & kBioRemapped) == 0) {
    if (!ends_within(bio, bdev.nr_sectors())) return bio_end_with(bio, EIO);
    if (bdev.is_partition()) remap_partition(bio, bdev.start_sector());
  }
  if ((bio.opf & (kReqFua | kReqPreflush)) != 0 && !queue.has_write_cache()) {
    const bool empty = bio_sectors(bio) == 0;
    if (!(empty && planted(Defect::EmptyFlushPasses))) bio.opf &= ~(kReqFua | kReqPreflush);
    if (empty && !planted(Defect::EmptyFlushPasses)) return bio_end_with(bio, 0);
  }
  if (!op_is_offered(bio.op, queue)) return bio_end_with(bio, EOPNOTSUPP);
  if (!bdev.is_bypass() && disk.throttle.take(bio)) return;
  submit_bio_noacct_nocheck(bio);
}

void submit_bio_noacct_nocheck(Bio& bio) {
  if (auto* pending = static_cast<PendingBios*>(pending_of_task())) {
    pending->submitted.add(&bio);
    return;
  }
#ifdef BIOSCOPE_VARIANTS
  if (planted(Defect::LockForFlaggedBios)) return submit_all_locked(bio);
#endif
  submit_all(bio);
}

}  // namespace bioscope::blk
