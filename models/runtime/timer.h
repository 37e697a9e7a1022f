// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/runtime/run.h"
#include "models/runtime/storage.h"

namespace bioscope::rt {

// timer_list. The function runs on a thread of the runtime, one timer at a time, and must not wait
// for anything that takes a timer to happen. Thread-safe.
// sim: REQUIRES: made and destroyed within one run.
class Timer {
 public:
  explicit Timer(Function function);
  ~Timer();  // del_sync()
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // mod_timer: fires at `expires_ms` of now_ms(), instead of when it was armed for.
  // True: it was armed.
  bool modify(u64 expires_ms);
  // del_timer_sync: disarms it, and waits until the function is not running. True: it was armed.
  // REQUIRES: not called from the function.
  bool del_sync();

 private:
  Storage<128> state_;
};

}  // namespace bioscope::rt
