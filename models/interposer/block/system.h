// SPDX-License-Identifier: Apache-2.0
// The block layer of one machine: its disks by name. There is no global state, so several machines
// live side by side in one process. Thread-safe. Made and destroyed within one run of the runtime.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "models/interposer/block/gendisk.h"
#include "models/interposer/block/watcher.h"
#include "models/runtime/mutex.h"

namespace bioscope::blk {

class System {
 public:
  // `watcher` may be null; outlives the system.
  explicit System(Watcher* watcher = nullptr) : watcher_(watcher) {}
  // REQUIRES: every disk was removed.
  ~System();

  // device_add_disk(): partitions come with Gendisk::add_partition(), before or after. EBUSY: a
  // name is taken.
  [[nodiscard]] int add_disk(Gendisk& disk);
  // del_gendisk() (block/genhd.c:608): tells interposers before anything waits, syncs, marks the
  // queue as dying, waits until nobody submits, and takes the interposers away. Later opens: ENXIO;
  // later bios: EIO. The Gendisk has to live until the last opener has closed it.
  void remove_disk(Gendisk& disk);
  // A block device by its name, partitions included; null: there is none. It may be gone as soon as
  // this returns, unless the caller knows better: who wants to use it opens it by its name.
  BlockDevice* find(std::string_view name);
  // blkdev_get_by_path(): find and open in one, so nobody removes it in between. ENODEV: there is
  // none; or what BlockDevice::open() says.
  [[nodiscard]] int open(std::string_view name, const void* holder, BlockDevice*& bdev);
  // A new name for a whole disk without partitions (of a mapped device). EBUSY: it is taken.
  [[nodiscard]] int rename_disk(Gendisk& disk, std::string name);

  Watcher* watcher() const { return watcher_; }
  rt::Mutex& claim_lock() { return claim_lock_; }  // bdev_lock

 private:
  friend class Gendisk;
  int add_name(BlockDevice& bdev);  // 0 or EBUSY; under lock_

  Watcher* watcher_;
  rt::Mutex lock_{"disks"};
  rt::Mutex claim_lock_{"bdev_lock"};
  std::map<std::string, BlockDevice*, std::less<>> by_name_;
};

}  // namespace bioscope::blk
