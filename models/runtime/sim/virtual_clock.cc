// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/sim/virtual_clock.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace bioscope::rt::sim {

void VirtualClock::reset() {
  now_ms_ = 0;
  last_number_ = 0;
  alarms_.clear();
  due_.clear();
}

void VirtualClock::arm(u64 deadline_ms, Fiber* fiber, TimerState* timer) {
  alarms_.push_back({deadline_ms, ++last_number_, fiber, timer});
}

bool VirtualClock::disarm(const TimerState* timer) {
  return std::erase_if(alarms_, [timer](const Alarm& alarm) { return alarm.timer == timer; }) > 0;
}

void VirtualClock::disarm(const Fiber* fiber) {
  std::erase_if(alarms_, [fiber](const Alarm& alarm) { return alarm.fiber == fiber; });
}

const std::vector<VirtualClock::Alarm>& VirtualClock::advance() {
  assert(!alarms_.empty());
  const u64 earliest_ms = std::ranges::min(alarms_, {}, &Alarm::deadline_ms).deadline_ms;
  now_ms_ = std::max(now_ms_, earliest_ms);
  due_.clear();
  std::erase_if(alarms_, [this](const Alarm& alarm) {
    if (alarm.deadline_ms > now_ms_) return false;
    due_.push_back(alarm);
    return true;
  });
  std::ranges::sort(due_, {},
                    [](const Alarm& alarm) { return std::pair(alarm.deadline_ms, alarm.number); });
  return due_;
}

}  // namespace bioscope::rt::sim
