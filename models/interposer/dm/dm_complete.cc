// SPDX-License-Identifier: Apache-2.0
// What comes back: clones, the bios that they were made for, what is pushed back, and the worker
// that submits what was deferred.
//
// Invariants:
//   E1  A target hears of each clone before the bio ends (T3), and the bio has ended before it
//   counts
//       as outside (M2).
//   E2  What is pushed back under noflush goes to the head of the deferred list; a piece of a split
//       bio goes by the push-back list, as a bio of its own (R39). Otherwise it is EIO.
#include <cerrno>
#include <mutex>
#include <utility>

#include "models/interposer/block/submit.h"
#include "models/interposer/dm/io.h"
#include "models/interposer/dm/mapped_device.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {

using blk::Bio;

// clone_endio().
void MappedDevice::clone_ended(Bio& clone) {
  TargetIo& target_io = front_pad(clone).target_io;
  if (!is_alive(*target_io.target)) return;
  MappedDevice& device = *target_io.io->device;
  int error = clone.status;
  if (target_io.target->end_io(clone, error) == EndResult::Requeue) error = kPushBack;
  device.drop_clone(clone, planted(Defect::CloneErrorDropped) && error > 0 ? 0 : error);
}

void MappedDevice::drop_clone(Bio& clone, int error) {
  Io& io = *front_pad(clone).target_io.io;
  if (io.clone != &clone) bio_put(&clone);
  drop(io, error);
}

// dm_io_dec_pending(). O2, O3.
void MappedDevice::drop(Io& io, int error) {
  if (error != 0) {
    int seen = io.status.load();
    const auto stays = [&] {
      return seen == kPushBack && has(kNoflush) && !planted(Defect::PushBackNeverWins);
    };
    while (!stays() && !io.status.compare_exchange_weak(seen, error)) {
    }
  }
  if (io.count.fetch_sub(1) == 1) complete(io, io.was_split);
}

// __dm_io_complete(). E1.
void MappedDevice::complete(Io& io, bool first_stage) {
  const bool pushed_back = push_back(io, first_stage);
  if (pushed_back && first_stage) return;
  Bio& bio = *io.original;
  const int error = io.status.load();
  bio_put(io.clone);
  if (pushed_back) return leave();
  const bool flushed_before_data = (bio.opf & blk::kReqPreflush) != 0 && blk::bio_has_data(bio);
  if (flushed_before_data && (error == 0 || planted(Defect::FlushErrorForgotten))) {
    bio.opf &= ~blk::kReqPreflush;
    queue_io(bio);
  } else {
    bio_end_part(bio, error);
  }
  leave();
}

// dm_handle_requeue(). E2.
bool MappedDevice::push_back(Io& io, bool first_stage) {
  if (io.status.load() != kPushBack) return false;
  const std::lock_guard guard(deferred_lock_);
  if (first_stage) {
    io.next = push_back_list_;
    push_back_list_ = &io;
    start_work(push_back_work_);
    return true;
  }
  if (!has(kNoflush)) {
    io.status.store(EIO);
    return false;
  }
  if (planted(Defect::RequeueAtTail)) {
    deferred_.add(io.original);
  } else {
    deferred_.add_head(io.original);
  }
  if (!has(kBlockIo)) start_work(resubmit_work_);
  return true;
}

// dm_wq_requeue_work(), dm_io_rewind(): the original has gone on to its other pieces, so this one
// gets a bio of its own that ends into it. It ends in place of the piece, so the count stays.
void MappedDevice::complete_pushed_back() {
  Io* io = nullptr;
  {
    const std::lock_guard guard(deferred_lock_);
    io = std::exchange(push_back_list_, nullptr);
  }
  while (io != nullptr) {
    Io* next = io->next;
    Bio& whole = *io->original;
    Bio& piece = *bio_alloc_clone(whole.bdev, whole);
    piece.iter = io->start;
    piece.iter.size_bytes = io->sectors * kSectorBytes;
    bio_chain(piece, whole);
    whole.remaining.fetch_sub(1);
    io->original = &piece;
    complete(*io, false);
    io = next;
  }
}

// The last step of a bio in here. Whoever drains may free the device when it is done: either the
// count says that nobody drains, or he waits for the lock (drain()).
void MappedDevice::leave() {
  if (planted(Defect::DrainWakeMissed)) {
    inside_.fetch_sub(1);
    return;
  }
  if (inside_.fetch_sub(1) != (kDraining | 1)) return;
  const std::lock_guard guard(deferred_lock_);
  drained_ = true;
  drain_wait_.wake_up_all();
}

// REQUIRES: deferred_lock_ is held. The worker is a thread that most devices never need.
void MappedDevice::start_work(rt::Work& work) {
  if (wq_ == nullptr) {
    wq_ = std::make_unique<rt::Workqueue>("kdmflush", rt::kOrdered);
    started_.store(wq_.get());
  }
  wq_->queue(work);
}

void MappedDevice::flush_work() {
  if (rt::Workqueue* wq = started_.load()) wq->flush();
}

// dm_wq_work().
void MappedDevice::resubmit_deferred() {
  while (!has(kBlockIo)) {
    Bio* bio = nullptr;
    {
      const std::lock_guard guard(deferred_lock_);
      bio = deferred_.pop();
    }
    if (bio == nullptr) return;
    submit_bio_noacct(*bio);
  }
}

void MappedDevice::end_deferred(int error) {
  blk::BioList all;
  {
    const std::lock_guard guard(deferred_lock_);
    all = deferred_.take();
  }
  while (Bio* bio = all.pop()) bio_end_with(*bio, error);
}

}  // namespace bioscope::dm
