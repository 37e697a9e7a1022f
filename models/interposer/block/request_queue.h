// SPDX-License-Identifier: Apache-2.0
// struct request_queue: the limits of a disk, and the gate in front of it.
//
// Invariants:
//   Q1  Between enter() and exit() the queue is not frozen: freeze() waits for every exit().
//   Q2  Freezes nest by depth; the last unfreeze() lets those in that wait (R11).
//   Q3  For a bio-based driver the reference spans ->submit_bio only; for a request-based one it is
//       kept until the request has ended (R9).
// Thread-safe, but for `limits`, which change only while the queue is frozen or nobody submits.
#pragma once

#include "models/interposer/block/queue_limits.h"
#include "models/runtime/mutex.h"
#include "models/runtime/percpu_ref.h"
#include "models/runtime/wait_queue.h"

namespace bioscope::blk {

class RequestQueue {
 public:
  explicit RequestQueue(const QueueLimits& limits);

  QueueLimits limits;

  // bio_queue_enter() (R10): 0; EAGAIN when it is frozen and `nowait`; EIO when it is dying.
  [[nodiscard]] int enter(bool nowait);
  // A further reference of who has one already: for a request that outlives ->submit_bio.
  void get();
  void exit();

  // blk_mq_freeze_queue(): waits until nobody is inside. Must not be called from inside.
  void freeze();
  void unfreeze();
  // blk_queue_start_drain() of del_gendisk: enter() fails from now on, those that wait too.
  void mark_dying();
  bool dying() const { return dying_.load(); }
  u32 freeze_depth();

 private:
  rt::PercpuRef usage_{"q_usage_counter"};
  rt::Mutex freeze_lock_{"mq_freeze_lock"};
  u32 freeze_depth_ = 0;  // under freeze_lock_
  rt::WaitQueue freeze_wait_{"mq_freeze_wq"};
  rt::Atomic<bool> dying_{false, "queue_dying"};
};

}  // namespace bioscope::blk
