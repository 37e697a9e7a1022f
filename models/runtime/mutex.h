// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/runtime/storage.h"

namespace bioscope::rt {

// Mutual exclusion; not recursive. sim: whoever waits may get it, in any order.
// std::lock_guard and std::unique_lock work. REQUIRES: unlocked by the thread that locked.
class Mutex {
 public:
  explicit Mutex(const char* name = "mutex");
  ~Mutex();
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock();
  [[nodiscard]] bool try_lock();
  void unlock();

 private:
  Storage<64> state_;
};

}  // namespace bioscope::rt
