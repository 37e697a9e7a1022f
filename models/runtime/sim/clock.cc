// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/clock.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "models/runtime/sim/machine.h"
#include "models/runtime/sim/timer_state.h"
#include "models/runtime/timer.h"

namespace bioscope::rt {

using sim::Action;
using sim::Fiber;
using sim::Machine;
using sim::TimerState;

namespace {

// True: it was armed, or due and not started.
bool disarm(Machine& machine, TimerState* timer) {
  const bool armed = machine.clock().disarm(timer);
  const bool due = std::erase(machine.due_timers(), timer) > 0;
  machine.clock_changed();
  return armed || due;
}

}  // namespace

u64 now_ms() {
  return Machine::current().clock().now_ms();
}

void sleep_ms(u64 duration_ms) {
  Machine::current().sleep(duration_ms);
}

Timer::Timer(Function function) {
  Machine& machine = Machine::current();
  machine.timer_fiber();
  state_.construct<std::unique_ptr<TimerState>>(
      new TimerState{machine.make_object("timer"), std::move(function), false});
}

Timer::~Timer() {
  Machine& machine = Machine::current();
  if (!machine.stopped()) machine.without_unwinding([this] { del_sync(); });
  const TimerState& timer = *state_.as<std::unique_ptr<TimerState>>();
  if (machine.stopped() && timer.running) machine.finish_unwinding(machine.timer_fiber());
  state_.destroy<std::unique_ptr<TimerState>>();
}

bool Timer::modify(u64 expires_ms) {
  Machine& machine = Machine::current();
  TimerState* timer = state_.as<std::unique_ptr<TimerState>>().get();
  if (!machine.point(timer->object.number, Action::Timer)) return false;
  const bool armed = disarm(machine, timer);
  machine.clock().arm(expires_ms, nullptr, timer);
  machine.clock_changed();
  return armed;
}

bool Timer::del_sync() {
  Machine& machine = Machine::current();
  TimerState* timer = state_.as<std::unique_ptr<TimerState>>().get();
  if (!machine.point(timer->object.number, Action::Timer)) return false;
  const bool armed = disarm(machine, timer);
  if (timer->running) (void)machine.await(timer->object, Action::Timer, false);
  return armed;
}

namespace sim {

void Machine::serve_timers() {
  for (;;) {
    if (!await_work(timers_, Action::Timer, !due_timers_.empty())) return;
    if (due_timers_.empty()) continue;
    TimerState& timer = *due_timers_.front();
    due_timers_.erase(due_timers_.begin());
    timer.running = true;
    hold(timer.object);
    timer.function();
    if (stopped_) return;
    drop(timer.object);
    timer.running = false;
    enable_pending(timer.object, [](const Fiber&) { return true; });
  }
}

}  // namespace sim
}  // namespace bioscope::rt
