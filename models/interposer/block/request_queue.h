// SPDX-License-Identifier: Apache-2.0
// struct request_queue: the limits of a disk, and the gate in front of it.
//
// Invariants:
//   Q1  Between enter() and exit() the queue is not frozen: freeze() waits for every exit().
//   Q2  Freezes nest by depth; the last unfreeze() lets those in that wait (R11).
//   Q3  For a bio-based driver the reference spans ->submit_bio only; a request-based one gets it
//       with the bio and gives it back when the request has ended (R9).
//   Q4  The limits change only while the queue is frozen, so who has entered may read them. What is
//       asked before (R4-R6) is kept apart and may be asked at any time.
// Thread-safe.
#pragma once

#include <atomic>

#include "models/interposer/block/queue_limits.h"
#include "models/runtime/mutex.h"
#include "models/runtime/percpu_ref.h"
#include "models/runtime/wait_queue.h"

namespace bioscope::blk {

class RequestQueue {
 public:
  explicit RequestQueue(const QueueLimits& limits);

  // Q4. REQUIRES: entered, or nobody else sets them.
  const QueueLimits& limits() const { return limits_; }
  // At any time.
  QueueLimits copy_limits();
  // Freezes the queue meanwhile. Must not be called from inside.
  void set_limits(const QueueLimits& limits);
  // What the queue offers (QUEUE_FLAG_NOWAIT, _WC; discard_max_bytes...).
  bool offers_nowait() const { return offers(kNowait); }
  bool offers_discard() const { return offers(kDiscard); }
  bool offers_secure_erase() const { return offers(kSecureErase); }
  bool offers_write_zeroes() const { return offers(kWriteZeroes); }
  bool has_write_cache() const { return offers(kWriteCache); }

  // bio_queue_enter() (R10): 0; EAGAIN when it is frozen and `nowait`; EIO when it is dying.
  [[nodiscard]] int enter(bool nowait);
  void exit();

  // blk_mq_freeze_queue(): waits until nobody is inside. Must not be called from inside.
  void freeze();
  void unfreeze();
  // blk_queue_start_drain() of del_gendisk: enter() fails from now on, those that wait too.
  void mark_dying();
  bool dying() const { return dying_.load(); }
  // Waits until nobody is inside a queue that is dying.
  void drain();
  u32 freeze_depth();

 private:
  enum Offer : u8 {
    kNowait = 1U << 0,
    kDiscard = 1U << 1,
    kSecureErase = 1U << 2,
    kWriteZeroes = 1U << 3,
    kWriteCache = 1U << 4,
  };
  bool offers(Offer offer) const { return (offers_.load() & offer) != 0; }
  void publish_offers();

  QueueLimits limits_;  // Q4
  rt::Mutex limits_lock_{"limits_lock"};
  std::atomic<u8> offers_{0};  // no step of its own: it changes with a table, at the most
  rt::PercpuRef usage_{"q_usage_counter"};
  rt::Mutex freeze_lock_{"mq_freeze_lock"};
  u32 freeze_depth_ = 0;  // under freeze_lock_
  rt::WaitQueue freeze_wait_{"mq_freeze_wq"};
  rt::Atomic<bool> dying_{false, "queue_dying"};
};

}  // namespace bioscope::blk
