// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/runtime/timer.h"
#include "models/runtime/workqueue.h"

namespace bioscope::rt {

// delayed_work: queued when its delay is over. Thread-safe. REQUIRES: the queue outlives it.
class DelayedWork {
 public:
  DelayedWork(Workqueue& queue, Function function);
  ~DelayedWork();  // cancel_sync()

  // mod_delayed_work: from now on; a delay that was running is replaced.
  void queue(u64 delay_ms);
  // Neither the timer nor the function is pending or running afterwards. True: one was pending.
  bool cancel_sync();
  // Queues it at once if it is delayed, and waits until it has run (flush_delayed_work).
  void flush();

 private:
  Workqueue& queue_;
  Work work_;
  Timer timer_;
};

}  // namespace bioscope::rt
