// SPDX-License-Identifier: Apache-2.0
// What the os runtime keeps of each thread.
#pragma once

#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "models/base/types.h"
#include "models/runtime/thread.h"

namespace bioscope::rt::os {

struct Task {
  u32 number = 0;
  std::array<void*, kTaskSlots> slots{};
  std::thread thread;

  // Under the lock:
  std::mutex lock;
  std::condition_variable wake;
  bool signalled = false;
};

// Of the calling thread, whoever started it.
Task& current_task();

// The next number for a thread; main is 1 in each run.
void restart_task_numbers();

}  // namespace bioscope::rt::os
