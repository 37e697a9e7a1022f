// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/request_queue.h"

#include <cerrno>
#include <mutex>

#include "models/interposer/block/plug.h"
#include "models/interposer/variants.h"
#include "models/runtime/run.h"

namespace bioscope::blk {

RequestQueue::RequestQueue(const QueueLimits& limits) : limits_(limits) {
  publish_offers();
}

void RequestQueue::publish_offers() {
  u32 offers = 0;
  if (limits_.nowait) offers |= kNowait;
  if (limits_.max_discard_sectors > 0) offers |= kDiscard;
  if (limits_.max_secure_erase_sectors > 0) offers |= kSecureErase;
  if (limits_.max_write_zeroes_sectors > 0) offers |= kWriteZeroes;
  if (limits_.write_cache) offers |= kWriteCache;
  offers_.store(static_cast<u8>(offers));
}

QueueLimits RequestQueue::copy_limits() {
  const std::lock_guard guard(limits_lock_);
  return limits_;
}

void RequestQueue::set_limits(const QueueLimits& limits) {
  freeze();
  {
    const std::lock_guard guard(limits_lock_);
    limits_ = limits;
    publish_offers();
  }
  unfreeze();
}

int RequestQueue::enter(bool nowait) {
  while (!usage_.tryget_live()) {
    if (dying_.load()) return EIO;
    if (nowait) return EAGAIN;
    // What this task keeps back has entered a queue, perhaps this one: the freeze waits for it.
    if (!planted(Defect::PlugKeptWhileWaiting)) flush_plug();
    freeze_wait_.wait_event([this] { return !usage_.is_dying() || dying_.load(); });
  }
  return 0;
}

void RequestQueue::exit() {
  usage_.put();
}

void RequestQueue::freeze() {
  flush_plug();
  {
    const std::lock_guard guard(freeze_lock_);
    if (++freeze_depth_ == 1) usage_.kill();
  }
  if (!planted(Defect::FreezeDoesNotWait)) usage_.wait_for_zero();
}

void RequestQueue::unfreeze() {
  const std::lock_guard guard(freeze_lock_);
  if (freeze_depth_ == 0) {
    rt::fail("unfreeze: the queue is not frozen");
    return;
  }
  --freeze_depth_;
  if (planted(Defect::UnfreezeAtFirst)) {
    if (!usage_.is_dying()) return;
  } else if (freeze_depth_ > 0) {
    return;
  }
  usage_.resurrect();
  if (!planted(Defect::UnfreezeWakesNobody)) freeze_wait_.wake_up_all();
}

void RequestQueue::mark_dying() {
  dying_.store(true);
  {
    const std::lock_guard guard(freeze_lock_);
    if (++freeze_depth_ == 1) usage_.kill();
  }
  freeze_wait_.wake_up_all();
}

void RequestQueue::drain() {
  usage_.wait_for_zero();
}

u32 RequestQueue::freeze_depth() {
  const std::lock_guard guard(freeze_lock_);
  return freeze_depth_;
}

}  // namespace bioscope::blk
