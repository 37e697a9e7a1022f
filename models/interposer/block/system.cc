// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/system.h"

#include <cerrno>
#include <mutex>
#include <utility>
#include <vector>

#include "models/interposer/block/interpose.h"
#include "models/runtime/run.h"

namespace bioscope::blk {
namespace {

// The interposer of a disk that goes away. Whoever waits in it has to be let go before anything
// here waits for them: a suspended one would hold the sync for ever (genhd.c:630). Its owner may be
// removing it at the same time: so it is held, but not the lock, which a detach takes. The pointer
// stays until nothing gets to the disk any more, so nothing passes by (P2).
class DyingOriginal {
 public:
  DyingOriginal(Gendisk& disk, BlockDevice& bdev) : bdev_(bdev) {
    {
      const std::lock_guard guard(disk.interpose_lock);
      interposer_ = bdev.interposer;
      held_ = interposer_ != nullptr && interposer_->hold();
    }
    if (held_) interposer_->original_dies();
  }
  // REQUIRES: the queue is dying.
  void release() {
    if (interposer_ == nullptr) return;
    // Compared only, if it was detached meanwhile: nobody attaches to a dead disk.
    interposer_detach(bdev_, *interposer_);
    if (held_) interposer_->put();
  }

 private:
  BlockDevice& bdev_;
  Interposer* interposer_ = nullptr;
  bool held_ = false;
};

// fsync_bdev(). The error is nobody's: there is no caller that could do anything about it.
void sync_file_system(BlockDevice& bdev) {
  const std::lock_guard guard(bdev.freeze_mutex);
  if (bdev.super_block != nullptr) (void)bdev.super_block->sync_fs();
}

}  // namespace

System::~System() {
  if (!by_name_.empty() && !rt::stopping()) {
    rt::fail("~System: " + by_name_.begin()->first + " was not removed");
  }
}

int System::add_name(BlockDevice& bdev) {
  return by_name_.try_emplace(bdev.name(), &bdev).second ? 0 : EBUSY;
}

int System::add_disk(Gendisk& disk) {
  const std::lock_guard guard(lock_);
  int error = 0;
  disk.for_each_device([&](BlockDevice& bdev) {
    if (error == 0) error = by_name_.contains(bdev.name()) ? EBUSY : 0;
  });
  if (error != 0) return error;
  disk.for_each_device([&](BlockDevice& bdev) { (void)add_name(bdev); });
  disk.added_ = true;
  return 0;
}

void System::remove_disk(Gendisk& disk) {
  {
    const std::lock_guard guard(lock_);
    disk.dead_.store(true);
    disk.for_each_device([&](BlockDevice& bdev) { by_name_.erase(bdev.name()); });
    disk.added_ = false;
  }
  std::vector<DyingOriginal> originals;
  disk.for_each_device([&](BlockDevice& bdev) { originals.emplace_back(disk, bdev); });
  disk.for_each_device([&](BlockDevice& bdev) { sync_file_system(bdev); });
  disk.queue().mark_dying();
  disk.throttle.cancel();
  disk.queue().drain();
  for (DyingOriginal& original : originals) original.release();
}

BlockDevice* System::find(std::string_view name) {
  const std::lock_guard guard(lock_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

int System::open(std::string_view name, const void* holder, BlockDevice*& bdev) {
  const std::lock_guard guard(lock_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return ENODEV;
  bdev = found->second;
  return bdev->open(holder);
}

int System::rename_disk(Gendisk& disk, std::string name) {
  const std::lock_guard guard(lock_);
  BlockDevice& bdev = disk.whole();
  if (by_name_.contains(name)) return name == bdev.name() ? 0 : EBUSY;
  if (disk.added_) by_name_.erase(bdev.name());
  bdev.rename(std::move(name));
  return disk.added_ ? add_name(bdev) : 0;
}

}  // namespace bioscope::blk
