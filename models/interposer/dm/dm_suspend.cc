// SPDX-License-Identifier: Apache-2.0
// Suspend, swap, resume: __dm_suspend(), dm_swap_table(), __dm_resume() and their callers.
#include <cerrno>
#include <mutex>
#include <utility>

#include "models/interposer/dm/device_mapper.h"
#include "models/interposer/dm/mapped_device.h"
#include "models/interposer/variants.h"
#include "models/runtime/run.h"

namespace bioscope::dm {

int MappedDevice::suspend(const SuspendFlags& flags) {
  const std::lock_guard guard(suspend_lock_);
  if (has(kSuspended)) return EINVAL;
  if (const int error = quiesce(live_.get(), flags, rt::WaitKind::Interruptible); error != 0) {
    return error;
  }
  set(kSuspended);
  if (live_ != nullptr && !planted(Defect::PostsuspendBeforeDrain)) live_->postsuspend_targets();
  return 0;
}

// __dm_suspend(): R35, R36. M3: what it did is undone when it fails.
int MappedDevice::quiesce(Table* table, const SuspendFlags& flags, rt::WaitKind kind) {
  if (flags.no_flush) set(kNoflush);  // before presuspend
  if (table != nullptr) table->presuspend_targets();
  if (table != nullptr && flags.lockfs && !flags.no_flush) {
    if (const int error = lock_fs(); error != 0) {
      table->presuspend_undo_targets();
      return error;
    }
  }
  hold_posted_lock();
  set(kBlockIo);
  if (table != nullptr && !planted(Defect::SuspendSkipsSrcu)) sync_table();
  flush_work();
  if (table != nullptr && planted(Defect::PostsuspendBeforeDrain)) table->postsuspend_targets();
  const int error = table == nullptr || planted(Defect::SuspendSkipsDrain) ? 0 : drain(kind);
  clear(kNoflush);
  if (error == 0) return 0;
  if (!planted(Defect::InterruptedSuspendStays)) let_io_flow();
  release_posted_lock();
  unlock_fs();
  if (table != nullptr) table->presuspend_undo_targets();
  return error;
}

// dm_wait_for_bios_completion(). REQUIRES: nobody can get in any more.
// The bit in the count makes the last bio tell; and since it tells with the lock held, it has left
// the device alone once the lock was had after it.
int MappedDevice::drain(rt::WaitKind kind) {
  if (inside_.load() == 0) return 0;
  {
    const std::lock_guard guard(deferred_lock_);
    drained_ = false;
  }
  if (inside_.fetch_or(kDraining) == 0) {
    inside_.fetch_and(~kDraining);
    return 0;
  }
  auto drained = [this] {
    const std::lock_guard guard(deferred_lock_);
    return drained_;
  };
  int error = 0;
  if (kind == rt::WaitKind::Uninterruptible) {
    drain_wait_.wait_event(drained);
  } else if (!drain_wait_.wait_event_interruptible(drained)) {
    error = EINTR;
  }
  // Nobody inside and the bit still set: the last one is about to tell, and has to be waited for.
  const bool empty = (inside_.fetch_and(~kDraining) & ~kDraining) == 0;
  if (error == 0 || !empty) return error;
  drain_wait_.wait_event(drained);
  return 0;
}

// dm_queue_flush(): from now on bios get through; those that waited go first.
void MappedDevice::let_io_flow() {
  clear(kBlockIo);
  const std::lock_guard guard(deferred_lock_);
  if (!deferred_.empty()) start_work(resubmit_work_);
}

// dm_swap_table(), with the attach (M5) before and the detach (M6) after what can fail.
std::expected<std::unique_ptr<Table>, int> MappedDevice::swap_table(std::unique_ptr<Table>& table) {
  const std::lock_guard guard(suspend_lock_);
  if (has(kFreeing)) return std::unexpected(ENXIO);
  if (!has(kSuspended) && !planted(Defect::SwapWhileLive)) return std::unexpected(EINVAL);
  if (bios_inside() > 0 && !planted(Defect::SwapWhileLive)) {
    rt::fail(name() + ": bios are inside of a suspended device");
  }
  blk::QueueLimits limits;
  if (const int error = table->calculate_limits(limits); error != 0) return std::unexpected(error);
  if (const int error = change_interposed(*table); error != 0) {
    if (planted(Defect::FailedAttachFlows)) {
      mapper_.destroy(bind(std::move(table), limits));
      let_io_flow();
    }
    return std::unexpected(error);
  }
  return bind(std::move(table), limits);
}

// __bind(). M1.
std::unique_ptr<Table> MappedDevice::bind(std::unique_ptr<Table> table,
                                          const blk::QueueLimits& limits) {
  const u64 sectors = table->size_sectors();
  disk_.resize(planted(Defect::SizeOffByOne) ? sectors - 1 : sectors);
  disk_.whole().set_read_only(table->read_only());
  if (limits != disk_.queue().limits()) disk_.queue().set_limits(limits);
  immutable_type_.store(table->immutable_type());
  std::unique_ptr<Table> old = std::exchange(live_, std::move(table));
  map_.store(live_.get());
  if (old != nullptr) {
    old->replaced_targets();
    sync_table();
  }
  return old;
}

// M4.
int MappedDevice::resume() {
  const std::lock_guard guard(suspend_lock_);
  if (!has(kSuspended) || has(kFreeing)) return EINVAL;
  if (live_ == nullptr || live_->size_sectors() == 0) return EINVAL;
  if (must_attach()) {
    if (const int error = attach(*live_); error != 0) return error;
  }
  if (planted(Defect::IoBeforeResume)) let_io_flow();
  if (planted(Defect::PreresumeAfterResume)) live_->resume_targets();
  if (const int error = live_->preresume_targets(); error != 0) {
    if (newly_attached_) detach();  // P8: nobody waits for a device that never ran
    return error;
  }
  if (!planted(Defect::PreresumeAfterResume)) live_->resume_targets();
  newly_attached_ = false;
  clear(kSuspended);
  let_io_flow();
  release_posted_lock();
  unlock_fs();
  return 0;
}

void MappedDevice::internal_suspend() {
  suspend_lock_.lock();
  if (has(kSuspended)) return;
  set(kBlockIo);
  sync_table();
  flush_work();
  (void)drain(rt::WaitKind::Uninterruptible);
}

void MappedDevice::internal_resume() {
  if (!has(kSuspended)) let_io_flow();
  suspend_lock_.unlock();
}

}  // namespace bioscope::dm
