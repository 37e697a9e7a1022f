// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/runtime/storage.h"
#include "models/runtime/work_list.h"

namespace bioscope::rt {

inline constexpr u32 kOrdered = 1;

// The kernel's workqueue: at most `max_active` works at a time, each on a worker thread of its own;
// with kOrdered one after another, in the order of queueing. Thread-safe.
// sim: REQUIRES: made and destroyed within one run.
class Workqueue {
 public:
  explicit Workqueue(const char* name, u32 max_active = 2);
  ~Workqueue();  // destroy_workqueue: drains first
  Workqueue(const Workqueue&) = delete;
  Workqueue& operator=(const Workqueue&) = delete;

  // False: it was pending already.
  bool queue(Work& work);
  // Waits for everything that had been queued when it was called. From a work of the same queue it
  // is a deadlock.
  void flush();
  // Waits until nothing is pending or running, works that works queue included.
  void drain();
  // Waits until `work` is neither pending nor running.
  void flush_work(Work& work);
  // Takes it off the queue, and waits until it does not run. True: it was pending.
  bool cancel_work_sync(Work& work);

 private:
  Storage<64> state_;
};

}  // namespace bioscope::rt
