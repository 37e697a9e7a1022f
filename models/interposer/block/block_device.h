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

#include <atomic>
#include <list>
#include <memory>
#include <string>

#include "models/interposer/block/bio.h"
#include "models/interposer/block/request_queue.h"
#include "models/interposer/block/super_block.h"
#include "models/interposer/variants.h"
#include "models/runtime/mutex.h"
#include "models/runtime/percpu_rw_semaphore.h"

namespace bioscope::blk {

class Gendisk;
class Interposer;
class System;

// ->submit_bio and what else a disk's driver does.
class Driver {
 public:
  virtual ~Driver() = default;
  // Takes the bio, with the queue entered. A bio-based driver completes it some time; a
  // request-based one calls RequestQueue::exit() once it has (Q3).
  virtual void submit_bio(Bio& bio) = 0;
  // False: ->submit_bio is blk_mq_submit_bio, and submission order is plain FIFO (R8).
  virtual bool bio_based() const = 0;
  // Each open may be refused, as dm_blk_open does while the device goes away (ENXIO).
  virtual int open() { return 0; }
  virtual void release() {}
};

class BlockDevice {
 public:
  // Made by its Gendisk.
  BlockDevice(Gendisk& disk, std::string name, u64 start_sector, u64 nr_sectors, bool partition);
  BlockDevice(const BlockDevice&) = delete;
  BlockDevice& operator=(const BlockDevice&) = delete;

  // Stays valid after a rename.
  const std::string& name() const { return *original().name_.load(); }
  Gendisk& disk() const { return disk_; }
  RequestQueue& queue() const;
  bool is_partition() const { return partition_; }
  BlockDevice& whole() const;  // bdev_whole()
  u64 start_sector() const { return start_sector_; }
  u64 nr_sectors() const { return original().nr_sectors_.load(); }
  void set_nr_sectors(u64 sectors) { original().nr_sectors_.store(sectors); }
  // Only told: a write to it succeeds all the same (R3).
  bool read_only() const { return original().read_only_.load(); }
  void set_read_only(bool read_only) { original().read_only_.store(read_only); }

  // blkdev_get(), blkdev_put(). holder: null for a shared open, else who claims it exclusively.
  // EBUSY: another holder has it; ENXIO: it is dead; or what the driver says. Each open of a
  // partition opens the whole disk too.
  [[nodiscard]] int open(const void* holder);
  void close(const void* holder);
  u32 openers() const { return original().openers_.load(); }
  bool claimed();  // by any holder, or one of its partitions is

  // File-system side (freeze.h). The superblock is set while it is mounted, under freeze_mutex.
  rt::Mutex freeze_mutex{"bd_fsfreeze_mutex"};
  i64 freeze_count = 0;                      // under freeze_mutex
  SuperBlock* super_block = nullptr;         // under freeze_mutex
  SuperBlock* frozen_super_block = nullptr;  // bd_fsfreeze_sb: the one that freeze_bdev() froze

  Interposer* interposer = nullptr;  // V3
#ifdef BIOSCOPE_VARIANTS
  rt::PercpuRwSemaphore posted_lock{"bd_interposer_lock"};  // only for D-d (interpose.h)
#endif

  // V4. `below()` is made with its original and lives as long.
  bool is_bypass() const { return bypass_of_ != nullptr; }
  BlockDevice& original() const {
    return bypass_of_ != nullptr ? *bypass_of_ : const_cast<BlockDevice&>(*this);
  }
  BlockDevice& below() { return is_bypass() ? *this : *below_; }

 private:
  friend class System;
  explicit BlockDevice(BlockDevice& bypass_of);
  void rename(std::string name);
  int claim(const void* holder);
  void release_claim(const void* holder);

  Gendisk& disk_;
  std::list<std::string> names_;  // every name that it has had; under the system's lock
  std::atomic<const std::string*> name_{nullptr};
  u64 start_sector_;
  bool partition_;
  // Loads of these are no steps of their own: they are read with each bio and change seldom.
  std::atomic<u64> nr_sectors_;
  std::atomic<bool> read_only_{false};
  std::atomic<u32> openers_{0};
  // V2: bd_holder and bd_holders, under the system's claim lock.
  const void* holder_ = nullptr;
  u32 holders_ = 0;
  BlockDevice* bypass_of_ = nullptr;
  std::unique_ptr<BlockDevice> below_;
};

}  // namespace bioscope::blk
