// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/system.h"

#include <cerrno>
#include <mutex>
#include <utility>

#include "models/interposer/block/interpose.h"
#include "models/runtime/run.h"

namespace bioscope::blk {
namespace {

// Whoever waits for the disk has to be let go before anything here waits for them: a suspended
// interposer would hold the sync for ever (genhd.c:630). Its owner may be removing it at the same
// time: so it is held while it hears of it, but not the lock, which a detach takes.
void release_interposer(Gendisk& disk, BlockDevice& bdev) {
  Interposer* interposer = nullptr;
  bool held = false;
  {
    const std::lock_guard guard(disk.interpose_lock);
    interposer = bdev.interposer;
    held = interposer != nullptr && interposer->hold();
  }
  if (interposer == nullptr) return;
  if (held) {
    interposer->original_dies();
    interposer->put();
  }
  // Compared only, if it was detached meanwhile: nobody attaches to a dead disk.
  interposer_detach(bdev, *interposer);
}

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
  disk.for_each_device([&](BlockDevice& bdev) { release_interposer(disk, bdev); });
  disk.for_each_device([&](BlockDevice& bdev) { sync_file_system(bdev); });
  disk.queue().mark_dying();
  disk.throttle.cancel();
  disk.queue().drain();
}

BlockDevice* System::find(std::string_view name) {
  const std::lock_guard guard(lock_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
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
