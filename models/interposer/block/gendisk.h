// SPDX-License-Identifier: Apache-2.0
// struct gendisk: a whole disk, its partitions, queue and driver.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/base/result.h"
#include "models/interposer/block/block_device.h"
#include "models/interposer/block/request_queue.h"
#include "models/interposer/block/throttle.h"

namespace bioscope::blk {

// Owned by its driver's owner; must outlive every opener.
class Gendisk {
 public:
  Gendisk(System& system, std::string name, Driver& driver, const QueueLimits& limits,
          u64 nr_sectors);
  ~Gendisk();
  Gendisk(const Gendisk&) = delete;
  Gendisk& operator=(const Gendisk&) = delete;

  System& system() const { return system_; }
  Driver& driver() const { return driver_; }
  RequestQueue& queue() { return queue_; }
  BlockDevice& whole() { return *whole_; }
  const std::vector<std::unique_ptr<BlockDevice>>& partitions() const { return partitions_; }
  bool dead() const { return dead_.load(); }  // del_gendisk was called

  // Calls visit(BlockDevice&) for the whole disk, then for each partition.
  template <typename Visit>
  void for_each_device(Visit&& visit) {
    visit(*whole_);
    for (const auto& partition : partitions_) visit(*partition);
  }

  // BLKPG_ADD_PARTITION: named NAMEp1, NAMEp2... EINVAL: empty or past the end; EBUSY: overlaps, or
  // the name is taken; ENXIO: it is dead. REQUIRES: one task at a time, none within partitions().
  [[nodiscard]] int add_partition(u64 start_sector, u64 nr_sectors);
  // set_capacity(). Partitions keep their sizes.
  void resize(u64 nr_sectors);

  Throttle throttle;  // blk-throttle: no limit at first
  // Held by who attaches or detaches an interposer of this disk or of its partitions.
  rt::Mutex interpose_lock{"interpose_lock"};

 private:
  friend class System;
  System& system_;
  Driver& driver_;
  RequestQueue queue_;
  std::unique_ptr<BlockDevice> whole_;
  std::vector<std::unique_ptr<BlockDevice>> partitions_;
  bool added_ = false;  // under the system's lock
  rt::Atomic<bool> dead_{false, "disk_dead"};
};

}  // namespace bioscope::blk
