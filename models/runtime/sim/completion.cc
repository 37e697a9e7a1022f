// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/completion.h"

#include "models/runtime/sim/machine.h"

namespace bioscope::rt {
namespace {

using sim::Action;
using sim::Fiber;
using sim::Machine;
using sim::Object;

constexpr u32 kAll = ~0U;  // UINT_MAX, as complete_all() sets it

struct State {
  Object object;
  u32 done = 0;
};

void update(Machine& machine, State& state) {
  machine.enable_pending(state.object, [&state](const Fiber&) { return state.done > 0; });
}

void consume(Machine& machine, State& state) {
  if (state.done == kAll) return;
  --state.done;
  update(machine, state);
}

}  // namespace

Completion::Completion(const char* name) {
  state_.construct<State>(Object{name, Machine::next_object_number(), {}});
}

Completion::~Completion() {
  state_.destroy<State>();
}

void Completion::complete() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.point(state.object.number, Action::Complete)) return;
  if (state.done != kAll) ++state.done;
  update(machine, state);
}

void Completion::complete_all() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.point(state.object.number, Action::Complete)) return;
  state.done = kAll;
  update(machine, state);
}

void Completion::wait() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (machine.await(state.object, Action::WaitForCompletion, state.done > 0)) {
    consume(machine, state);
  }
}

bool Completion::try_wait() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.point(state.object.number, Action::WaitForCompletion)) return true;
  if (state.done == 0) return false;
  consume(machine, state);
  return true;
}

bool Completion::done() {
  auto& state = state_.as<State>();
  Machine::current().point(state.object.number, Action::WaitForCompletion, Access::Read);
  return state.done > 0;
}

void Completion::reinit() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (machine.point(state.object.number, Action::Complete)) state.done = 0;
}

}  // namespace bioscope::rt
