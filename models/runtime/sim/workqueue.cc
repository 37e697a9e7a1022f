// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/workqueue.h"

#include <memory>
#include <string>

#include "models/runtime/sim/machine.h"

namespace bioscope::rt {
namespace {

using sim::Action;
using sim::Fiber;
using sim::Machine;
using sim::Object;

// What a waiter waits for is its argument: a number of queueing, a work, or that all is idle.
struct State {
  State(Machine& machine, const char* name, u32 max_active)
      : object(machine.make_object(name)), works(max_active) {}

  Object object;
  WorkList works;
  std::vector<Fiber*> workers;
  bool closing = false;
};

bool wait_is_over(const State& state, const Fiber& fiber) {
  if (fiber.next.action == Action::CancelWork) {
    return !state.works.busy(reinterpret_cast<const Work*>(fiber.argument));
  }
  return state.works.finished_up_to(fiber.argument);
}

void update(Machine& machine, State& state) {
  u32 takeable = state.works.takeable();
  machine.enable_pending(state.object, [&](const Fiber& fiber) {
    if (fiber.next.action != Action::RunWork) return wait_is_over(state, fiber);
    if (takeable > 0) {
      --takeable;
      return true;
    }
    return state.closing;
  });
}

void work(Machine& machine, State& state) {
  for (;;) {
    const bool enabled = state.works.takeable() > 0 || state.closing;
    if (!machine.await_work(state.object, Action::RunWork, enabled)) return;
    Work* taken = state.works.take();
    update(machine, state);
    if (taken == nullptr) {
      if (state.closing) return;
      continue;
    }
    machine.hold(state.object);
    taken->run();
    if (!machine.release_point(state.object.number, Action::FinishWork)) return;
    machine.drop(state.object);
    state.works.finish(taken);
    update(machine, state);
  }
}

void wait_until_not_busy(Machine& machine, State& state, Work& waited_for) {
  (void)machine.await(state.object, Action::CancelWork, !state.works.busy(&waited_for),
                      reinterpret_cast<u64>(&waited_for));
}

}  // namespace

Workqueue::Workqueue(const char* name, u32 max_active) {
  Machine& machine = Machine::current();
  auto state = std::make_unique<State>(machine, name, max_active);
  for (u32 i = 0; i < max_active; ++i) {
    state->workers.push_back(&machine.spawn(
        std::string("kw/") + name, [&machine, s = state.get()] { work(machine, *s); }, true));
  }
  state_.construct<std::unique_ptr<State>>(std::move(state));
}

Workqueue::~Workqueue() {
  Machine& machine = Machine::current();
  auto& state = *state_.as<std::unique_ptr<State>>();
  if (!machine.stopped()) machine.without_unwinding([this] { drain(); });
  if (!machine.stopped()) {
    state.closing = true;
    update(machine, state);
  }
  for (Fiber* worker : state.workers) machine.join(*worker);
  state_.destroy<std::unique_ptr<State>>();
}

bool Workqueue::queue(Work& queued) {
  Machine& machine = Machine::current();
  auto& state = *state_.as<std::unique_ptr<State>>();
  if (!machine.point(state.object.number, Action::QueueWork)) return false;
  if (!state.works.queue(queued)) return false;
  update(machine, state);
  return true;
}

void Workqueue::flush() {
  Machine& machine = Machine::current();
  auto& state = *state_.as<std::unique_ptr<State>>();
  // What is queued is looked at in one step, and waited for from then on.
  if (!machine.point(state.object.number, Action::FlushWork)) return;
  const u64 number = state.works.last_number();
  if (state.works.finished_up_to(number)) return;
  (void)machine.await(state.object, Action::FlushWork, false, number);
}

void Workqueue::drain() {
  constexpr u64 kAllWorks = ~0ULL;
  Machine& machine = Machine::current();
  auto& state = *state_.as<std::unique_ptr<State>>();
  (void)machine.await(state.object, Action::FlushWork, state.works.idle(), kAllWorks);
}

void Workqueue::flush_work(Work& flushed) {
  wait_until_not_busy(Machine::current(), *state_.as<std::unique_ptr<State>>(), flushed);
}

bool Workqueue::cancel_work_sync(Work& cancelled) {
  Machine& machine = Machine::current();
  auto& state = *state_.as<std::unique_ptr<State>>();
  if (!machine.point(state.object.number, Action::CancelWork)) return false;
  const bool pending = state.works.remove(cancelled);
  if (state.works.running(&cancelled)) wait_until_not_busy(machine, state, cancelled);
  return pending;
}

}  // namespace bioscope::rt
