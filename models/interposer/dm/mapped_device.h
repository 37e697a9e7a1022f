// SPDX-License-Identifier: Apache-2.0
// struct mapped_device: a bio-based disk whose bios a table maps, and which may stand as an
// interposer under another block device. drivers/md/dm.c.
//
// Invariants:
//   M1  The live table is published under SRCU and replaced only while the device is suspended
//       (R33); a bio sees one table for each of its pieces (P4).
//   M2  A suspend returns when no bio is inside and none gets in (R35, P3): what arrives waits in
//       the deferred list, FIFO; nowait ends with EAGAIN, readahead with EIO (R38).
//   M3  A suspend that fails or is interrupted leaves everything as it was (R37, P8).
//   M4  All preresume, then all resume, then I/O (R40). What can fail comes before the first bio.
//   M5  Attach: file systems of the original frozen, the original drained, the pointer stored, and
//       only then thawed, in the resume that binds the first interposing table. The pointer stays
//       across suspends and reloads, so nothing passes by in between (P2, P4).
//   M6  Detach: file systems frozen, device suspended with the pointer still set, drained, pointer
//       cleared, what was deferred resubmitted to the original, thawed (P3, P10).
#pragma once

#include <memory>
#include <string>

#include "models/interposer/block/gendisk.h"
#include "models/interposer/block/interpose.h"
#include "models/interposer/dm/table.h"
#include "models/runtime/mutex.h"
#include "models/runtime/srcu.h"
#include "models/runtime/wait_queue.h"
#include "models/runtime/workqueue.h"

namespace bioscope::dm {

struct SuspendFlags {
  bool lockfs = true;     // DM_SUSPEND_LOCKFS_FLAG
  bool no_flush = false;  // DM_SUSPEND_NOFLUSH_FLAG
};

// One for each clone: struct dm_target_io with its struct dm_io (dm-core.h).
struct TargetIo;
struct Io;

class MappedDevice final : public blk::Driver, public blk::Interposer {
 public:
  MappedDevice(DeviceMapper& mapper, std::string name, std::string uuid, i64 minor);
  ~MappedDevice() override;  // REQUIRES: shut_down()

  // --- dm_submit.cc: blk::Driver and blk::Interposer
  void submit_bio(blk::Bio& bio) override;
  void submit_redirected(blk::Bio& bio) override;
  bool bio_based() const override { return true; }
  int open() override;      // dm_blk_open: ENXIO while it goes away
  void release() override;  // dm_blk_close: the last one finishes a deferred remove
  void original_dies() override;
  const std::string& interposer_name() const override { return name_; }

  // --- dm_suspend.cc
  // 0; EINTR: a signal came; or the file system's error of the freeze. EINVAL: suspended already.
  [[nodiscard]] int suspend(const SuspendFlags& flags);
  // dm_swap_table(): `table` becomes live, the former one comes back. EINVAL: not suspended, or the
  // target refuses the limits.
  [[nodiscard]] std::expected<std::unique_ptr<Table>, int> swap_table(std::unique_ptr<Table> table);
  // EINVAL: not suspended or no table; or what preresume or the attach says: it stays suspended.
  [[nodiscard]] int resume();
  // dm_internal_suspend_fast() and its counterpart, for other targets' resume: holds bios back and
  // drains. The suspend lock is held from one to the other and no target hears of it, so an origin
  // keeps its split boundary (R74). Of a suspended device: only the lock.
  void internal_suspend();
  void internal_resume();
  // dm_hold(), dm_put(): false once it goes away (DMF_FREEING); a removal waits for every holder
  // before it destroys the tables.
  [[nodiscard]] bool hold();
  void put();
  bool suspended() const;  // dm_suspended_md: by a user
  // dm_wait_for_completion: of everything inside.
  u32 bios_inside() const;

  // --- events (dm_table_event, dm_wait_event)
  void event();
  u32 event_nr() const;
  [[nodiscard]] int wait_event(u32 event_nr);

  // dm_get_live_table() for a scope.
  class LiveTable {
   public:
    explicit LiveTable(MappedDevice& device);
    ~LiveTable();
    LiveTable(const LiveTable&) = delete;
    LiveTable& operator=(const LiveTable&) = delete;
    Table* get() const { return table_; }

   private:
    MappedDevice& device_;
    int index_;
    Table* table_;
  };

  blk::Gendisk& disk() { return disk_; }
  DeviceMapper& mapper() const { return mapper_; }
  const std::string& name() const { return name_; }
  blk::BlockDevice* interposed() const;  // attached now, null if not

 private:
  DeviceMapper& mapper_;
  std::string name_;
  std::string uuid_;
  i64 minor_;
  blk::Gendisk disk_;
};

}  // namespace bioscope::dm
