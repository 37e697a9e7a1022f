// SPDX-License-Identifier: Apache-2.0
// struct mapped_device: a bio-based disk whose bios a table maps, and which may stand as an
// interposer under another block device. drivers/md/dm.c.
//
// Invariants:
//   M1  The live table is published under SRCU and replaced only while the device is suspended
//       (R33); a bio sees one table for each of its pieces (P4).
//   M2  A suspend returns when no bio is inside and none gets in (R35, P3): what arrives waits in
//       the deferred list, FIFO; nowait ends with EAGAIN, readahead with EIO (R38). A bio is inside
//       until it has ended, so whoever has drained may free what it went through.
//   M3  A suspend that fails or is interrupted leaves everything as it was (R37, P8).
//   M4  All preresume, then all resume, then I/O (R40). What can fail comes before the first bio.
//   M5  Attach: file systems of the original frozen, the original drained, the pointer stored,
//       while the device is suspended, before the first interposing table is bound; thawed once I/O
//       flows, since a thaw writes. The pointer stays across suspends and reloads, so nothing
//       passes by in between (P2, P4).
//   M6  Detach: file systems frozen, device suspended with the pointer still set, drained, pointer
//       cleared, what was deferred resubmitted to the original, thawed (P3, P10).
//   M7  Once the original dies no bio of it waits here, whatever the state (P9).
// Thread-safe.
#pragma once

#include <atomic>
#include <expected>
#include <list>
#include <memory>
#include <string>
#include <vector>

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

struct Io;

class MappedDevice final : public blk::Driver, public blk::Interposer {
 public:
  MappedDevice(DeviceMapper& mapper, std::string name, i64 minor);
  ~MappedDevice() override;  // REQUIRES: shut_down(), unless the run is stopped

  // --- dm_submit.cc: blk::Driver and blk::Interposer
  void submit_bio(blk::Bio& bio) override;
  void submit_redirected(blk::Bio& bio) override;
  bool bio_based() const override { return true; }

  // --- mapped_device.cc
  int open() override;      // dm_blk_open: ENXIO while it goes away
  void release() override;  // dm_blk_close: the last one finishes a deferred remove
  const std::string& interposer_name() const override { return name(); }
  u32 open_count() const { return open_count_.load(); }
  // dm_hold(), dm_put(): false once it goes away (DMF_FREEING); a removal waits for every holder
  // before it destroys the tables.
  [[nodiscard]] bool hold() override;
  void put() override;
  // dm_lock_for_deletion(): from now on nobody opens it. EBUSY: it is open (`mark_deferred`: and
  // goes when it is closed); EEXIST: `only_deferred`, and it was never marked.
  [[nodiscard]] int lock_for_deletion(bool mark_deferred, bool only_deferred);
  void unlock_deletion();                      // the removal failed after all
  [[nodiscard]] int cancel_deferred_remove();  // EBUSY: too late
  bool deleting() const { return has(kDeleting); }
  bool deferred_remove() const { return has(kDeferredRemove); }
  // __dm_destroy(): detaches, drains, waits for holders, destroys the live table. An error of the
  // file system's freeze, and nothing has changed; without `wait` neither that nor whoever still
  // has it open counts (dm_destroy_immediate()). REQUIRES: lock_for_deletion(), if it waits.
  [[nodiscard]] int shut_down(bool wait);
  // dm_setup_md_queue() of the first load: the disk gets limits and can be found.
  [[nodiscard]] int add_disk(const blk::QueueLimits& limits);
  bool disk_added() const { return has(kDiskAdded); }
  [[nodiscard]] int rename(const std::string& new_name);  // EBUSY: a disk is named so

  // --- dm_suspend.cc
  // 0; EINTR: a signal came; or the file system's error of the freeze. EINVAL: suspended already.
  [[nodiscard]] int suspend(const SuspendFlags& flags);
  // dm_swap_table(): `table` becomes live, the former one comes back, for the caller to shut down.
  // EINVAL: not suspended, or a device below is too small or not aligned (R32); or what the attach
  // says. Then `table` is still the caller's.
  [[nodiscard]] std::expected<std::unique_ptr<Table>, int> swap_table(
      std::unique_ptr<Table>& table);
  // EINVAL: not suspended or no table; or what preresume or the attach says: it stays suspended.
  [[nodiscard]] int resume();
  // dm_internal_suspend_fast() and its counterpart, for other targets' resume: holds bios back and
  // drains. The suspend lock is held from one to the other and no target hears of it, so an origin
  // keeps its split boundary (R74). Of a suspended device: only the lock.
  void internal_suspend();
  void internal_resume();
  bool suspended() const { return has(kSuspended); }  // dm_suspended_md: by a user
  // dm_wait_for_completion: of everything inside.
  u32 bios_inside() const { return static_cast<u32>(inside_.load() & ~kDraining); }

  // --- dm_attach.cc
  void original_dies() override;
  blk::BlockDevice* interposed() const { return attached_.load(); }  // now, null if not

  // --- mapped_device.cc (dm_table_event, dm_wait_event)
  void event();
  u32 event_nr() const { return event_nr_.load(); }
  [[nodiscard]] int wait_event(u32 event_nr);

  // dm_get_live_table() for a scope.
  class LiveTable {
   public:
    explicit LiveTable(MappedDevice& device)
        : device_(device),
          index_(device.io_barrier_.read_lock()),
          // No step of its own: it is read in the step that has taken the lock.
          table_(device.map_.load()) {}
    ~LiveTable() { device_.io_barrier_.read_unlock(index_); }
    LiveTable(const LiveTable&) = delete;
    LiveTable& operator=(const LiveTable&) = delete;
    Table* get() const { return table_; }

   private:
    MappedDevice& device_;
    int index_;
    Table* table_;
  };
  // dm_sync_table(): nobody has a table any more that was replaced before.
  void sync_table() { io_barrier_.synchronize(); }

  blk::Gendisk& disk() { return disk_; }
  DeviceMapper& mapper() const { return mapper_; }
  // Stays valid after a rename.
  const std::string& name() const { return *name_.load(); }
  i64 minor() const { return minor_; }
  rt::Mutex& type_lock() { return type_lock_; }  // one load at a time
  const TargetType* immutable_type() const { return immutable_type_.load(); }

 private:
  using Frozen = std::vector<blk::BlockDevice*>;
  enum Flag : u32 {
    kBlockIo = 1U << 0,         // DMF_BLOCK_IO_FOR_SUSPEND
    kSuspended = 1U << 1,       // DMF_SUSPENDED
    kNoflush = 1U << 2,         // DMF_NOFLUSH_SUSPENDING
    kFreeing = 1U << 3,         // DMF_FREEING
    kDeleting = 1U << 4,        // DMF_DELETING
    kDeferredRemove = 1U << 5,  // DMF_DEFERRED_REMOVE
    kDiskAdded = 1U << 6,
    kOriginalDead = 1U << 7,    // M7
    kOriginalFrozen = 1U << 8,  // frozen_ is not empty
  };
  static constexpr u64 kDraining = 1ULL << 63;
  // No step of its own: each is read in the step of a lock or count before it.
  bool has(Flag flag) const { return (flags_.load() & flag) != 0; }
  void set(Flag flag) { flags_.fetch_or(flag); }
  void clear(Flag flag) { flags_.fetch_and(~u32{flag}); }

  // dm_submit.cc
  bool takes(blk::Bio& bio, const Table& table);
  void defer(blk::Bio& bio);
  void queue_io(blk::Bio& bio);
  void process(Table& table, blk::Bio& bio, bool redirected);
  void process_flush(Table& table, blk::Bio& bio);
  blk::Bio& first_clone(blk::Bio& bio);
  blk::Bio& further_clone(Io& io, blk::Bio& bio);
  void map_clone(blk::Bio& clone);

  // dm_complete.cc
  static void clone_ended(blk::Bio& clone);
  void drop_clone(blk::Bio& clone, int error);
  void drop(Io& io, int error);
  void complete(Io& io, bool first_stage);
  bool push_back(Io& io, bool first_stage);
  void complete_pushed_back();
  void enter() { inside_.fetch_add(1); }
  void leave();
  void start_work(rt::Work& work);
  void resubmit_deferred();
  void end_deferred(int error);

  // dm_suspend.cc
  int quiesce(Table* table, const SuspendFlags& flags, rt::WaitKind kind);
  int drain(rt::WaitKind kind);
  void flush_work();
  void let_io_flow();
  std::unique_ptr<Table> bind(std::unique_ptr<Table> table, const blk::QueueLimits& limits);

  // dm_attach.cc
  int change_interposed(const Table& table);
  int attach(const Table& table);
  int may_attach(blk::BlockDevice& original);
  bool must_attach() const;
  void detach();
  void hand_back();
  blk::BioList take_redirected();
  int freeze_all(blk::BlockDevice& bdev, Frozen& frozen);
  static void thaw_all(Frozen& frozen);
  void keep_frozen(Frozen& frozen);
  int lock_fs();
  void unlock_fs();
  void unlock_original_fs();
  void hold_posted_lock();
  void release_posted_lock();

  DeviceMapper& mapper_;
  std::list<std::string> names_;  // every one that it has had; under the mapper's hash lock
  std::atomic<const std::string*> name_{nullptr};
  const i64 minor_;
  blk::Gendisk disk_;
  std::atomic<u32> flags_{0};

  rt::Srcu io_barrier_{"io_barrier"};
  std::unique_ptr<Table> live_;  // under suspend_lock_
  std::atomic<Table*> map_{nullptr};
  std::atomic<const TargetType*> immutable_type_{nullptr};
  std::atomic<blk::BlockDevice*> attached_{nullptr};  // changes under suspend_lock_, or by M7
  bool newly_attached_ = false;  // no resume has succeeded since; under suspend_lock_
  blk::BlockDevice* posted_lock_of_ = nullptr;  // only for D-d
  rt::Mutex suspend_lock_{"suspend_lock"};
  rt::Mutex type_lock_{"type_lock"};

  rt::Mutex open_lock_{"_minor_lock"};  // of the counts and of the flags about removal
  rt::WaitQueue put_wait_{"dm_put"};
  std::atomic<u32> open_count_{0};
  u32 holders_ = 0;  // under open_lock_

  // Bios inside, and whether somebody waits for the last one (M2).
  rt::Atomic<u64> inside_{0, "pending_io"};
  rt::WaitQueue drain_wait_{"md_wait"};
  bool drained_ = false;  // under deferred_lock_

  rt::Mutex deferred_lock_{"deferred_lock"};
  blk::BioList deferred_;         // under deferred_lock_
  Io* push_back_list_ = nullptr;  // under deferred_lock_
  bool own_frozen_ = false;       // DMF_FROZEN; under suspend_lock_
  Frozen frozen_;                 // file systems of the original; under deferred_lock_
  rt::Work resubmit_work_{[this] { resubmit_deferred(); }};
  rt::Work push_back_work_{[this] { complete_pushed_back(); }};
  std::atomic<rt::Workqueue*> started_{nullptr};  // wq_, once there is one
  std::unique_ptr<rt::Workqueue> wq_;             // kdmflush; made with the first work

  rt::Atomic<u32> event_nr_{0, "event_nr"};
  rt::WaitQueue event_wait_{"eventq"};
};

}  // namespace bioscope::dm
