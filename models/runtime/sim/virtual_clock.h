// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "models/base/types.h"

namespace bioscope::rt::sim {

struct Fiber;
struct TimerState;

// Who wakes up when. Deadlines that are equal are met in the order of arming. Not thread-safe.
class VirtualClock {
 public:
  struct Alarm {
    u64 deadline_ms = 0;
    u64 number = 0;
    Fiber* fiber = nullptr;       // that sleeps, or
    TimerState* timer = nullptr;  // that fires
  };

  u64 now_ms() const { return now_ms_; }
  bool empty() const { return alarms_.empty(); }
  void reset();

  void arm(u64 deadline_ms, Fiber* fiber, TimerState* timer);
  // True: it was armed.
  bool disarm(const TimerState* timer);
  void disarm(const Fiber* fiber);

  // Lets time pass until the earliest deadline, and takes what is due off. REQUIRES: !empty().
  const std::vector<Alarm>& advance();

 private:
  u64 now_ms_ = 0;
  u64 last_number_ = 0;
  std::vector<Alarm> alarms_;
  std::vector<Alarm> due_;
};

}  // namespace bioscope::rt::sim
