// SPDX-License-Identifier: Apache-2.0
// The life of a mapped device: who has it, when it may go, and how it goes.
#include "models/interposer/dm/mapped_device.h"

#include <cerrno>
#include <mutex>
#include <utility>

#include "models/interposer/block/system.h"
#include "models/interposer/dm/device_mapper.h"
#include "models/interposer/variants.h"
#include "models/runtime/run.h"

namespace bioscope::dm {

MappedDevice::MappedDevice(DeviceMapper& mapper, std::string name, i64 minor)
    : mapper_(mapper),
      minor_(minor),
      disk_(mapper.system(), std::move(name), *this, blk::QueueLimits{}, 0) {
  names_.push_back(disk_.whole().name());
  name_.store(&names_.back());
}

MappedDevice::~MappedDevice() = default;

int MappedDevice::open() {
  const std::lock_guard guard(open_lock_);
  if (has(kFreeing) || has(kDeleting)) return ENXIO;
  open_count_.fetch_add(1);
  return 0;
}

void MappedDevice::release() {
  bool last = false;
  {
    const std::lock_guard guard(open_lock_);
    last = open_count_.fetch_sub(1) == 1;
    if (has(kFreeing)) put_wait_.wake_up_all();
  }
  if (last && has(kDeferredRemove) && !planted(Defect::DeferredRemoveForgotten)) {
    mapper_.remove_deferred_later();
  }
}

bool MappedDevice::hold() {
  const std::lock_guard guard(open_lock_);
  if (has(kFreeing)) return false;
  ++holders_;
  return true;
}

// Wakes with the lock held: who waits may free the device as soon as he has it.
void MappedDevice::put() {
  const std::lock_guard guard(open_lock_);
  --holders_;
  if (has(kFreeing)) put_wait_.wake_up_all();
}

int MappedDevice::lock_for_deletion(bool mark_deferred, bool only_deferred) {
  const std::lock_guard guard(open_lock_);
  if (has(kDeleting)) return ENXIO;
  const bool skips = (planted(Defect::RemoveSkipsOpenCheck) && interposed() != nullptr) ||
                     planted(Defect::RemoveOpenDevice);
  if (open_count() > 0 && !skips) {
    if (mark_deferred) set(kDeferredRemove);
    return EBUSY;
  }
  if (only_deferred && !has(kDeferredRemove)) return EEXIST;
  set(kDeleting);
  return 0;
}

void MappedDevice::unlock_deletion() {
  const std::lock_guard guard(open_lock_);
  clear(kDeleting);
}

int MappedDevice::cancel_deferred_remove() {
  const std::lock_guard guard(open_lock_);
  if (has(kDeleting)) return EBUSY;
  clear(kDeferredRemove);
  return 0;
}

int MappedDevice::add_disk(const blk::QueueLimits& limits) {
  disk_.queue().set_limits(limits);
  const int error = mapper_.system().add_disk(disk_);
  if (error == 0) set(kDiskAdded);
  return error;
}

int MappedDevice::rename(const std::string& new_name) {
  if (const int error = mapper_.system().rename_disk(disk_, new_name); error != 0) return error;
  names_.push_back(new_name);
  name_.store(&names_.back());
  return 0;
}

// M6 comes first and may fail; nothing after it can. The disk is not taken away before the device
// has let go of its original: whatever still reaches it by the node finds it as it was.
int MappedDevice::shut_down(bool wait) {
  std::unique_lock suspended(suspend_lock_);
  const bool was_suspended = has(kSuspended);
  const bool forgotten =
      planted(Defect::ReloadClearsFlag) && live_ != nullptr && live_->interposed() == nullptr;
  if (interposed() != nullptr && !was_suspended) {
    if (const int error = lock_fs(); error != 0 && wait) return error;
  }
  {
    const std::lock_guard guard(open_lock_);
    set(kFreeing);
  }
  if (!was_suspended) {
    if (live_ != nullptr) live_->presuspend_targets();
  }
  set(kBlockIo);
  sync_table();
  flush_work();
  (void)drain(rt::WaitKind::Uninterruptible);
  if (!was_suspended) {
    set(kSuspended);
    if (live_ != nullptr) live_->postsuspend_targets();
  }
  if (!forgotten) detach();
  if (interposed() != nullptr) rt::fail(name() + ": an interposer goes away while attached");
  unlock_fs();
  suspended.unlock();
  if (wait) {
    const std::lock_guard guard(open_lock_);
    put_wait_.wait_event_locked(open_lock_, [this] { return holders_ == 0 && open_count() == 0; });
  }
  if (disk_added()) mapper_.system().remove_disk(disk_);
  end_deferred(EIO);
  map_.store(nullptr);
  if (live_ != nullptr) live_->replaced_targets();
  sync_table();
  if (live_ != nullptr) mapper_.destroy(std::move(live_));
  return 0;
}

void MappedDevice::event() {
  event_nr_.fetch_add(1);
  event_wait_.wake_up_all();
}

int MappedDevice::wait_event(u32 event_nr) {
  const bool told =
      event_wait_.wait_event_interruptible([&] { return event_nr_.load() != event_nr; });
  return told ? 0 : EINTR;
}

}  // namespace bioscope::dm
