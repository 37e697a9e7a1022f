// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/delayed_work.h"

#include <utility>

#include "models/runtime/clock.h"

namespace bioscope::rt {

DelayedWork::DelayedWork(Workqueue& queue, Function function)
    : queue_(queue), work_(std::move(function)), timer_([this] { queue_.queue(work_); }) {}

DelayedWork::~DelayedWork() {
  cancel_sync();
}

void DelayedWork::queue(u64 delay_ms) {
  timer_.modify(now_ms() + delay_ms);
}

bool DelayedWork::cancel_sync() {
  const bool delayed = timer_.del_sync();
  return queue_.cancel_work_sync(work_) || delayed;
}

void DelayedWork::flush() {
  if (timer_.del_sync()) queue_.queue(work_);
  queue_.flush_work(work_);
}

}  // namespace bioscope::rt
