// SPDX-License-Identifier: Apache-2.0
// struct block_device and struct gendisk: what can be opened, and what stands behind it.
//
// Invariants:
//   V1  A disk's first block device is the whole disk; its partitions share its queue and driver.
//   V2  At most one holder claims a block device exclusively; claims nest for the same holder, and
//       a claim of the whole disk excludes those of its partitions and the other way round
//       (block/bdev.c:bd_may_claim).
//   V3  `interposer` changes only while the queue is frozen (interpose.h), so whoever has entered
//       the queue may read it.
//   V4  A bypass is the same block device seen from below its interposer: everything but the
//       redirect is that of the original.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/interposer/block/bio.h"
#include "models/interposer/block/request_queue.h"
#include "models/interposer/block/super_block.h"
#include "models/runtime/mutex.h"

namespace bioscope::blk {

class Gendisk;
class Interposer;
class System;

// ->submit_bio and what else a disk's driver does. Called with the queue entered.
class Driver {
 public:
  virtual ~Driver() = default;
  // Takes the bio. A bio-based driver completes it some time; a request-based one has its own
  // reference of the queue until then.
  virtual void submit_bio(Bio& bio) = 0;
  // False: ->submit_bio is blk_mq_submit_bio, and submission order is plain FIFO (R8).
  virtual bool bio_based() const = 0;
  // A first open may be refused, as dm_blk_open does while the device goes away (ENXIO).
  virtual int open() { return 0; }
  virtual void release() {}
};

class BlockDevice {
 public:
  BlockDevice(Gendisk& disk, std::string name, u64 start_sector, u64 nr_sectors);
  BlockDevice(const BlockDevice&) = delete;
  BlockDevice& operator=(const BlockDevice&) = delete;

  const std::string& name() const { return name_; }
  Gendisk& disk() const { return disk_; }
  RequestQueue& queue() const;
  bool is_partition() const { return partition_; }
  BlockDevice& whole() const;  // bdev_whole()
  u64 start_sector() const { return start_sector_; }
  u64 nr_sectors() const { return original().nr_sectors_.load(); }
  void set_nr_sectors(u64 sectors) { nr_sectors_.store(sectors); }
  bool read_only() const { return original().read_only_.load(); }
  void set_read_only(bool read_only) { read_only_.store(read_only); }

  // blkdev_get(), blkdev_put(). holder: null for a shared open, else who claims it exclusively.
  // EBUSY: another holder has it; ENXIO: it is dead; or what the driver says.
  [[nodiscard]] int open(const void* holder);
  void close(const void* holder);
  u32 openers() const { return original().openers_.load(); }
  bool claimed();  // by any holder

  // File-system side (freeze.h). The superblock is set while it is mounted, under freeze_mutex.
  rt::Mutex freeze_mutex{"bd_fsfreeze_mutex"};
  i64 freeze_count = 0;               // under freeze_mutex
  SuperBlock* super_block = nullptr;  // under freeze_mutex

  Interposer* interposer = nullptr;  // V3

  // V4. `below()` is made with its original and lives as long.
  bool is_bypass() const { return bypass_of_ != nullptr; }
  BlockDevice& original() const {
    return bypass_of_ != nullptr ? *bypass_of_ : const_cast<BlockDevice&>(*this);
  }
  BlockDevice& below();

 private:
  Gendisk& disk_;
  std::string name_;
  u64 start_sector_;
  bool partition_;
  rt::Atomic<u64> nr_sectors_;
  rt::Atomic<bool> read_only_{false, "bd_read_only"};
  rt::Atomic<u32> openers_{0, "bd_openers"};
  const void* holder_ = nullptr;  // under the system's claim lock
  u32 holders_ = 0;
  BlockDevice* bypass_of_ = nullptr;
  std::unique_ptr<BlockDevice> below_;
};

}  // namespace bioscope::blk
