// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/mutex.h"

#include "models/runtime/sim/machine.h"

namespace bioscope::rt {
namespace {

using sim::Action;
using sim::Fiber;
using sim::Machine;
using sim::Object;

struct State {
  Object object;
  Fiber* owner = nullptr;
};

void take(Machine& machine, State& state) {
  state.owner = &machine.running();
  machine.hold(state.object);
  machine.enable_pending(state.object,
                         [](const Fiber& fiber) { return fiber.next.action != Action::Lock; });
}

}  // namespace

Mutex::Mutex(const char* name) {
  state_.construct<State>(Object{name, Machine::next_object_number(), {}});
}

Mutex::~Mutex() {
  state_.destroy<State>();
}

void Mutex::lock() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (machine.await(state.object, Action::Lock, state.owner == nullptr)) take(machine, state);
}

bool Mutex::try_lock() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.point(state.object.number, Action::TryLock)) return true;
  if (state.owner != nullptr) return false;
  take(machine, state);
  return true;
}

void Mutex::unlock() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.release_point(state.object.number, Action::Unlock)) return;
  if (state.owner != &machine.running()) {
    machine.fail(std::string(state.object.name) + ": unlocked by a thread that has not locked it");
    return;
  }
  state.owner = nullptr;
  machine.drop(state.object);
  machine.enable_pending(state.object, [](const Fiber&) { return true; });
}

}  // namespace bioscope::rt
