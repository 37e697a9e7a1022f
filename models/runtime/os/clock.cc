// SPDX-License-Identifier: Apache-2.0
// Time, and one thread that calls the functions of all timers; it lives as long as any timer does.
#include "models/runtime/clock.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "models/runtime/thread.h"
#include "models/runtime/timer.h"

namespace bioscope::rt {
namespace {

using Clock = std::chrono::steady_clock;

Clock::time_point start() {
  static const Clock::time_point instance = Clock::now();
  return instance;
}

struct TimerState;

class TimerThread {
 public:
  TimerThread() : thread_("timers", [this] { serve(); }) {}
  ~TimerThread() {
    {
      const std::lock_guard guard(lock_);
      closing_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  // The one for all, made when it is needed.
  static std::shared_ptr<TimerThread> get() {
    static std::mutex lock;
    static std::weak_ptr<TimerThread> instance;
    const std::lock_guard guard(lock);
    std::shared_ptr<TimerThread> thread = instance.lock();
    if (thread == nullptr) instance = thread = std::make_shared<TimerThread>();
    return thread;
  }

  bool arm(TimerState& timer, u64 expires_ms) {
    const std::lock_guard guard(lock_);
    const bool armed = disarm(timer);
    alarms_.push_back({expires_ms, &timer});
    changed_.notify_all();
    return armed;
  }

  bool disarm_and_wait(TimerState& timer) {
    std::unique_lock guard(lock_);
    const bool armed = disarm(timer);
    changed_.wait(guard, [&] { return running_ != &timer; });
    return armed;
  }

 private:
  struct Alarm {
    u64 expires_ms = 0;
    TimerState* timer = nullptr;
  };

  bool disarm(const TimerState& timer) {
    return std::erase_if(alarms_, [&](const Alarm& alarm) { return alarm.timer == &timer; }) > 0;
  }
  void serve();

  std::mutex lock_;
  std::condition_variable changed_;
  std::vector<Alarm> alarms_;
  const TimerState* running_ = nullptr;
  bool closing_ = false;
  Thread thread_;
};

struct TimerState {
  Function function;
  std::shared_ptr<TimerThread> thread;
};

void TimerThread::serve() {
  std::unique_lock guard(lock_);
  while (!closing_) {
    if (alarms_.empty()) {
      changed_.wait(guard);
      continue;
    }
    const auto first = std::ranges::min_element(alarms_, {}, &Alarm::expires_ms);
    if (first->expires_ms > now_ms()) {
      changed_.wait_until(guard, start() + std::chrono::milliseconds(first->expires_ms));
      continue;
    }
    TimerState& timer = *first->timer;
    alarms_.erase(first);
    running_ = &timer;
    guard.unlock();
    timer.function();
    guard.lock();
    running_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace

u64 now_ms() {
  return static_cast<u64>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start()).count());
}

void sleep_ms(u64 duration_ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(duration_ms));
}

Timer::Timer(Function function) {
  state_.construct<TimerState>(std::move(function), TimerThread::get());
}

Timer::~Timer() {
  del_sync();
  state_.destroy<TimerState>();
}

bool Timer::modify(u64 expires_ms) {
  auto& timer = state_.as<TimerState>();
  return timer.thread->arm(timer, expires_ms);
}

bool Timer::del_sync() {
  auto& timer = state_.as<TimerState>();
  return timer.thread->disarm_and_wait(timer);
}

}  // namespace bioscope::rt
