// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/interpose.h"

#include <cerrno>
#include <mutex>

#include "models/interposer/block/gendisk.h"
#include "models/interposer/variants.h"

namespace bioscope::blk {

int interposer_attach(BlockDevice& device, Interposer& interposer) {
  BlockDevice& bdev = device.original();
  Gendisk& disk = bdev.disk();
  const std::lock_guard guard(disk.interpose_lock);
  if (disk.dead()) return ENODEV;
  if (bdev.interposer != nullptr) return EBUSY;
  if (planted(Defect::AttachSkipsQueueFreeze)) {
    bdev.interposer = &interposer;
    return 0;
  }
  disk.queue().freeze();
  bdev.interposer = &interposer;
  disk.queue().unfreeze();
  return 0;
}

void interposer_detach(BlockDevice& device, Interposer& interposer) {
  BlockDevice& bdev = device.original();
  Gendisk& disk = bdev.disk();
  const std::lock_guard guard(disk.interpose_lock);
  if (bdev.interposer != &interposer) return;
  disk.queue().freeze();
  bdev.interposer = nullptr;
  disk.queue().unfreeze();
  if (planted(Defect::DetachDoesNotWait)) return;
  // Nobody gets a reference any more: all that there are were taken inside of the queue (I2). It is
  // made anew for the next attach.
  interposer.redirects.kill();
  interposer.redirects.wait_for_zero();
  interposer.redirects.resurrect();
}

Redirect redirect_of(const Bio& bio) {
  if (planted(Defect::FlagHidesSecond) && (bio.flags & kBioInterposed) != 0) return {};
  BlockDevice& bdev = bio.bdev->original();
  BlockDevice& whole = bdev.whole();
  const bool bypass = bio.bdev->is_bypass();
  if (!bypass && bdev.interposer != nullptr) return {bdev.interposer, &bdev};
  if (&bdev == &whole || whole.interposer == nullptr) return {};
  if (bypass && planted(Defect::BypassPassesDisk)) return {};
  return {whole.interposer, &whole};
}

void posted_lock_write([[maybe_unused]] BlockDevice& bdev) {
#ifdef BIOSCOPE_VARIANTS
  if (planted(Defect::LockForFlaggedBios)) bdev.original().posted_lock.down_write();
#endif
}

void posted_unlock_write([[maybe_unused]] BlockDevice& bdev) {
#ifdef BIOSCOPE_VARIANTS
  if (planted(Defect::LockForFlaggedBios)) bdev.original().posted_lock.up_write();
#endif
}

}  // namespace bioscope::blk
