// SPDX-License-Identifier: Apache-2.0
// Interposing: how a mapped device gets under another block device and away again, and the file
// systems that are frozen meanwhile. M5, M6, M7.
//
// Order of an attach (R39 R40 do not know it; the posted patches did it last, where it could not
// fail any more): file systems frozen; a mapped device that is the original drained, a
// request-based one drains by the queue freeze of interposer_attach(); pointer stored. The
// device is suspended all the while, so bios that come by the pointer wait until the table is bound
// and its targets have resumed; then the file systems are thawed, whose writes come here as well.
#include <cerrno>
#include <mutex>
#include <utility>

#include "models/interposer/block/freeze.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/dm/mapped_device.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {

// What a table that is about to be bound changes. The new attach may fail, so it comes before the
// old one is given up (P8). A reload over the same original stays attached, even if that has been
// resized: what reaches past the table is EIO.
int MappedDevice::change_interposed(const Table& table) {
  blk::BlockDevice* wanted = table.interposed();
  if (planted(Defect::ReloadDetaches) && wanted == interposed()) detach();
  if (wanted == interposed()) return 0;
  if (wanted == nullptr) {
    if (!planted(Defect::ReloadClearsFlag)) detach();
    return 0;
  }
  if (planted(Defect::AttachTestInverted)) return 0;
  if (interposed() != nullptr) {
    // One reference count serves one original: the new one is tried for before the old one is left.
    if (const int error = may_attach(*wanted); error != 0) return error;
    detach();
  }
  return attach(table);
}

// REQUIRES: suspended, suspend_lock_ is held, attached to nothing.
int MappedDevice::attach(const Table& table) {
  blk::BlockDevice& original = *table.interposed();
  if (!table.covers_interposed()) return EINVAL;
  if (const int error = may_attach(original); error != 0) return error;
  if (planted(Defect::AttachWithoutFreeze)) {
    original.interposer = this;
    attached_.store(&original);
    return 0;
  }
  Frozen frozen;
  if (const int error = freeze_all(original, frozen); error != 0) return error;
  clear(kOriginalDead);
  // A queue freeze proves nothing about bios inside a bio-based driver.
  auto* below = dynamic_cast<MappedDevice*>(&original.disk().driver());
  if (planted(Defect::AttachDrainsNoMapped)) below = nullptr;
  if (below != nullptr) below->internal_suspend();
  attached_.store(&original);  // before: the original may die as soon as it has the pointer
  const int error = blk::interposer_attach(original, *this);
  if (error != 0) attached_.store(nullptr);
  if (below != nullptr) below->internal_resume();
  if (error == 0) keep_frozen(frozen);
  thaw_all(frozen);
  newly_attached_ = error == 0;
  return error;
}

// Until the resume has let I/O flow: a thaw writes (ext4 its superblock), and waits for it.
void MappedDevice::keep_frozen(Frozen& frozen) {
  const std::lock_guard guard(deferred_lock_);
  if (has(kOriginalDead)) return;  // it died meanwhile: nobody would thaw
  frozen_.insert(frozen_.end(), frozen.begin(), frozen.end());
  set(kOriginalFrozen);
  frozen.clear();
}

// What can be told before anything is frozen; interposer_attach() has the last word.
int MappedDevice::may_attach(blk::BlockDevice& original) {
  if (original.disk().dead()) return ENODEV;
  const std::lock_guard guard(original.disk().interpose_lock);
  return original.interposer != nullptr ? EBUSY : 0;
}

// A table that was bound by a resume whose preresume failed is attached by the next one. One whose
// original is gone has nothing to attach to and goes on as a plain layer.
bool MappedDevice::must_attach() const {
  if (live_->interposed() == nullptr || has(kOriginalDead)) return false;
  return (interposed() == nullptr) != planted(Defect::AttachTestInverted);
}

// REQUIRES: suspended and drained, suspend_lock_ is held. M6.
void MappedDevice::detach() {
  blk::BlockDevice* original = attached_.exchange(nullptr);
  if (original != nullptr) {
    blk::interposer_detach(*original, *this);
    if (!planted(Defect::DetachKeepsDeferred)) hand_back();
  }
  newly_attached_ = false;
  release_posted_lock();
  unlock_original_fs();
}

// Deferred bios of the original aim themselves anew, now past this device; its own stay.
void MappedDevice::hand_back() {
  blk::BioList redirected = take_redirected();
  while (blk::Bio* bio = redirected.pop()) submit_bio_noacct(*bio);
}

blk::BioList MappedDevice::take_redirected() {
  blk::BioList own;
  blk::BioList redirected;
  const std::lock_guard guard(deferred_lock_);
  while (blk::Bio* bio = deferred_.pop()) {
    (&bio->bdev->disk() == &disk_ ? own : redirected).add(bio);
  }
  deferred_ = own;
  return redirected;
}

// M7. Without the suspend lock: who has it may wait for bios that only a dead disk lets go.
void MappedDevice::original_dies() {
  {
    const std::lock_guard guard(deferred_lock_);
    set(kOriginalDead);
  }
  if (!planted(Defect::HotRemoveKeepsDeferred)) {
    blk::BioList redirected = take_redirected();
    while (blk::Bio* bio = redirected.pop()) bio_end_with(*bio, EIO);
  }
  unlock_original_fs();
  attached_.store(nullptr);
}

// The file systems on a block device: a whole disk has those of its partitions as well, which no
// freeze of the disk itself would reach.
int MappedDevice::freeze_all(blk::BlockDevice& bdev, Frozen& frozen) {
  int error = 0;
  const auto freeze = [&](blk::BlockDevice& each) {
    if (error == 0) error = blk::freeze_bdev(each);
    if (error == 0) frozen.push_back(&each);
  };
  if (bdev.is_partition() || planted(Defect::PartitionsNotFrozen)) {
    freeze(bdev);
  } else {
    bdev.disk().for_each_device([&](blk::BlockDevice& each) {
      if (error == 0) freeze(each);
    });
  }
  if (error != 0) thaw_all(frozen);
  return error;
}

// The last one first. An error is nobody's: the file system stays frozen, and says so itself.
void MappedDevice::thaw_all(Frozen& frozen) {
  while (!frozen.empty()) {
    (void)blk::thaw_bdev(*frozen.back());
    frozen.pop_back();
  }
}

// lock_fs(): of the node, and of the original, whose writes come here as well.
int MappedDevice::lock_fs() {
  if (const int error = blk::freeze_bdev(disk_.whole()); error != 0) return error;
  own_frozen_ = true;
  blk::BlockDevice* original = interposed();
  if (original == nullptr || planted(Defect::OriginalNotFrozen)) return 0;
  Frozen frozen;
  if (const int error = freeze_all(*original, frozen); error != 0) {
    unlock_fs();
    return error;
  }
  keep_frozen(frozen);
  thaw_all(frozen);
  return 0;
}

void MappedDevice::unlock_fs() {
  if (own_frozen_) {
    own_frozen_ = false;
    (void)blk::thaw_bdev(disk_.whole());
  }
  if (!planted(Defect::ResumeLeavesFrozen)) unlock_original_fs();
}

void MappedDevice::unlock_original_fs() {
  if (!has(kOriginalFrozen)) return;
  Frozen frozen;
  {
    const std::lock_guard guard(deferred_lock_);
    frozen = std::exchange(frozen_, {});
    clear(kOriginalFrozen);
  }
  thaw_all(frozen);
}

// D-d: the posted suspend holds the lock of the block device until the resume.
void MappedDevice::hold_posted_lock() {
  if (!planted(Defect::LockForFlaggedBios)) return;
  posted_lock_of_ = interposed();
  if (posted_lock_of_ != nullptr) blk::posted_lock_write(*posted_lock_of_);
}

void MappedDevice::release_posted_lock() {
  if (!planted(Defect::LockForFlaggedBios)) return;
  blk::BlockDevice* locked = std::exchange(posted_lock_of_, nullptr);
  if (locked != nullptr) blk::posted_unlock_write(*locked);
}

}  // namespace bioscope::dm
