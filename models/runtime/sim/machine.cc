// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/sim/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace bioscope::rt::sim {

constinit thread_local Machine* Machine::current_machine_ = nullptr;
constinit thread_local u32 Machine::last_outside_number_ = 0;

Machine::Machine(const Options& options)
    : options_(options),
      anytime_(options.clock == ClockMode::Anytime),
      stacks_(options.stack_bytes) {
  clock_fiber_.next = {0, 0, Action::ClockJump, Access::Write};
}

Machine::~Machine() = default;

Machine& Machine::current() {
  if (current_machine_ == nullptr) {
    std::fputs("bioscope: the simulated runtime was used outside of a run\n", stderr);
    std::abort();
  }
  return *current_machine_;
}

u32 Machine::next_object_number() {
  constexpr u32 kOutside = 1U << 31;
  if (current_machine_ != nullptr) return current_machine_->next_number();
  return kOutside | ++last_outside_number_;
}

Outcome Machine::run(Scheduler& scheduler, Function program) {
  if (current_machine_ != nullptr) {
    std::fputs("bioscope: a run was started within a run\n", stderr);
    std::abort();
  }
  current_machine_ = this;
  scheduler_ = &scheduler;
  stopped_ = closing_ = looking_ = false;
  step_ = hash_ = 0;
  last_number_ = spawned_ = live_fibers_ = 0;
  candidates_.clear();
  candidate_fibers_.clear();
  clock_fiber_.slot = kNoCandidate;
  clock_.reset();
  timer_fiber_ = nullptr;
  due_timers_.clear();
  steps_.clear();
  outcome_ = Outcome{};
  adopt_thread(host_.context);
  running_ = &host_;
  scheduler.begin();
  timers_ = make_object("timers");
  Fiber& main = spawn("main", std::move(program));
  if (Fiber* first = next(); first != nullptr) {
    switch_to(*first);
  } else {
    main.finished = true;  // a bound of no steps
    main.function = nullptr;
    stacks_.give_back(main.context.stack);
  }
  current_machine_ = nullptr;
  outcome_.steps = step_;
  outcome_.schedule_hash = hash_;
  return std::move(outcome_);
}

Fiber& Machine::spawn(std::string_view name, Function function, bool background) {
  if (spawned_ == fibers_.size()) fibers_.push_back(std::make_unique<Fiber>());
  Fiber& fiber = *fibers_[spawned_++];
  fiber.context.stack = stacks_.take();
  prepare(fiber.context, &enter_fiber);
  fiber.function = std::move(function);
  fiber.name = {};
  std::ranges::copy(name.substr(0, kThreadNameBytes), fiber.name.begin());
  fiber.finished = fiber.unwinding = fiber.idle = false;
  fiber.signalled = fiber.interruptible = false;
  fiber.background = background;
  fiber.unwound_for = nullptr;
  fiber.object = nullptr;
  fiber.condition = nullptr;
  fiber.exit = make_object("thread");
  fiber.held.clear();
  fiber.task_slots = {};
  fiber.slot = kNoCandidate;
  fiber.number = spawned_;
  fiber.next = {spawned_, fiber.exit.number, Action::Start, Access::Write};
  if (!background) ++live_fibers_;
  enable(fiber, true);
  return fiber;
}

void Machine::enable(Fiber& fiber, bool enabled) {
  if (enabled == (fiber.slot != kNoCandidate)) return;
  if (enabled) {
    fiber.slot = static_cast<u32>(candidates_.size());
    candidates_.push_back(fiber.next);
    candidate_fibers_.push_back(&fiber);
    return;
  }
  Fiber& last = *candidate_fibers_.back();
  candidates_[fiber.slot] = candidates_.back();
  candidate_fibers_[fiber.slot] = &last;
  last.slot = fiber.slot;
  candidates_.pop_back();
  candidate_fibers_.pop_back();
  fiber.slot = kNoCandidate;
}

inline void Machine::count_step(const Candidate& step) {
  ++step_;
  constexpr u64 kPrime = 0x9e3779b97f4a7c15ULL;
  const u64 word = (static_cast<u64>(step.thread) << 40) ^ (static_cast<u64>(step.object) << 8) ^
                   static_cast<u64>(step.action);
  hash_ = ((hash_ ^ word) * kPrime) ^ (hash_ >> 29);
  if (options_.keep_steps) steps_.push_back(step);
}

// Never reads back what it writes: the processor forwards no store to a load that is wider.
inline void Machine::announce(u32 object, Action action, Access access) {
  Fiber& me = *running_;
  const Candidate next{me.number, object, action, access};
  me.next = next;
  candidates_[me.slot] = next;
}

// Without preemption an operation that is possible is no occasion to choose; it still counts as a
// step, so a livelock meets the bound.
inline bool Machine::goes_on(u32 object, Action action) {
  if (options_.preemption || action == Action::Yield || step_ >= options_.max_steps) return false;
  count_step({running_->number, object, action, Access::Write});
  return true;
}

bool Machine::point(u32 object, Action action, Access access) {
  if (looking_ || !alive()) return false;
  if (goes_on(object, action)) return true;
  announce(object, action, access);
  reschedule();
  return alive();
}

bool Machine::release_point(u32 object, Action action) {
  if (stopped_ || looking_) return false;
  if (!options_.points_before_releases || goes_on(object, action)) return true;
  announce(object, action, Access::Write);
  reschedule();
  return !stopped_;
}

bool Machine::await(Object& object, Action action, bool enabled, u64 argument) {
  if (looking_ || !alive()) return false;
  if (enabled && goes_on(object.number, action)) return true;
  Fiber& me = *running_;
  announce(object.number, action, Access::Write);
  me.argument = argument;
  me.object = &object;
  object.pending.add(me);
  if (!enabled) enable(me, false);
  reschedule();
  me.object = nullptr;
  if (!alive()) return false;
  object.pending.remove(me);
  return true;
}

bool Machine::await_work(Object& object, Action action, bool enabled) {
  if (stopped_) return false;
  Fiber& me = *running_;
  announce(object.number, action, Access::Write);
  me.object = &object;
  me.idle = true;
  object.pending.add(me);
  if (!enabled) enable(me, false);
  reschedule();
  me.object = nullptr;
  if (stopped_) return false;
  me.idle = false;
  object.pending.remove(me);
  return true;
}

void Machine::reschedule() {
  Fiber* chosen = next();
  if (chosen != nullptr && chosen != running_) switch_to(*chosen);
}

Fiber* Machine::next() {
  for (;;) {
    if (candidates_.empty()) {
      if (clock_.empty()) {
        stop(End::Deadlock, "");
        return nullptr;
      }
      advance_clock();
      continue;
    }
    if (step_ >= options_.max_steps) {
      stop(End::StepBound, "");
      return nullptr;
    }
    const u32 index = scheduler_->choose(candidates_, running_->slot);
    assert(index < candidates_.size());
    count_step(candidates_[index]);
    Fiber* chosen = candidate_fibers_[index];
    if (chosen != &clock_fiber_) return chosen;
    advance_clock();
  }
}

void Machine::switch_to(Fiber& fiber) {
  Fiber& me = *running_;
  running_ = &fiber;
  switch_fiber(me.context, fiber.context);
}

void Machine::enter_fiber() {
  arrived();
  Machine& machine = *current_machine_;
  Fiber& me = *machine.running_;
  if (!machine.stopped_) {
    try {
      me.function();
    } catch (const Unwind&) {
    }
  }
  // What the function captured may use the runtime when it is destroyed; it is still this thread.
  me.function = nullptr;
  machine.end_fiber();
}

void Machine::end_fiber() {
  Fiber& me = *running_;
  me.finished = true;
  enable(me, false);
  Fiber* successor = nullptr;
  if (!stopped_) {
    enable_pending(me.exit, [](const Fiber&) { return true; });
    if (!me.background && --live_fibers_ == 0) {
      stopped_ = closing_ = true;
    } else {
      successor = next();
    }
  }
  if (successor == nullptr)
    successor = me.unwound_for != nullptr ? me.unwound_for : next_to_unwind();
  stacks_.give_back(me.context.stack);  // reused by prepare() at the earliest, on another stack
  running_ = successor;
  leave(me.context, successor->context);
}

Fiber* Machine::next_to_unwind() {
  for (u32 i = 0; i < spawned_; ++i) {
    if (!fibers_[i]->finished) return fibers_[i].get();
  }
  return &host_;
}

void Machine::join(Fiber& fiber) {
  if (!stopped_) {
    without_unwinding([&] { (void)await(fiber.exit, Action::Join, fiber.finished); });
  }
  if (stopped_) finish_unwinding(fiber);
}

void Machine::finish_unwinding(Fiber& fiber) {
  if (fiber.finished || fiber.unwound_for != nullptr || &fiber == running_) return;
  fiber.unwound_for = running_;
  switch_to(fiber);
}

bool Machine::unwind() {
  if (running_->unwinding) return false;
  running_->unwinding = true;
  throw Unwind{};
}

void Machine::drop(const Object& object) {
  const auto drop_from = [&object](Fiber& fiber) {
    const auto found = std::ranges::find(fiber.held.rbegin(), fiber.held.rend(), &object);
    if (found == fiber.held.rend()) return false;
    fiber.held.erase(std::next(found).base());
    return true;
  };
  if (drop_from(*running_)) return;
  for (u32 i = 0; i < spawned_; ++i) {
    if (drop_from(*fibers_[i])) return;
  }
}

void Machine::fail(std::string message) {
  if (!stopped_) stop(End::Failed, std::move(message));
}

Fiber& Machine::timer_fiber() {
  if (timer_fiber_ == nullptr) {
    timer_fiber_ = &spawn("timers", [this] { serve_timers(); }, true);
  }
  return *timer_fiber_;
}

void Machine::sleep(u64 duration_ms) {
  if (looking_ || !alive()) return;
  Fiber& me = *running_;
  clock_.arm(clock_.now_ms() + duration_ms, &me, nullptr);
  announce(0, Action::Sleep, Access::Read);
  enable(me, false);
  clock_changed();
  reschedule();
  alive();
}

void Machine::advance_clock() {
  for (const VirtualClock::Alarm& alarm : clock_.advance()) {
    if (alarm.fiber != nullptr) {
      enable(*alarm.fiber, true);
    } else {
      due_timers_.push_back(alarm.timer);
      if (timer_fiber_->idle) enable(*timer_fiber_, true);
    }
  }
  clock_changed();
}

}  // namespace bioscope::rt::sim
