// SPDX-License-Identifier: Apache-2.0
// As kernel/rcu/srcutree.c: two counts of readers. synchronize() directs new readers to the other
// one and waits until the old one is zero. Between two synchronize() the other one is always zero.
#include "models/runtime/srcu.h"

#include <array>

#include "models/runtime/sim/machine.h"

namespace bioscope::rt {
namespace {

using sim::Action;
using sim::Fiber;
using sim::Machine;
using sim::Object;

constexpr u64 kBegin = 2;  // the argument of who waits for its turn; otherwise an index

struct State {
  Object object;
  int index = 0;
  std::array<u32, 2> readers{};
  bool synchronizing = false;
};

void update(Machine& machine, State& state) {
  machine.enable_pending(state.object, [&state](const Fiber& fiber) {
    return fiber.argument == kBegin ? !state.synchronizing : state.readers[fiber.argument] == 0;
  });
}

}  // namespace

Srcu::Srcu(const char* name) {
  state_.construct<State>(Object{name, Machine::next_object_number(), {}});
}

Srcu::~Srcu() {
  state_.destroy<State>();
}

int Srcu::read_lock() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.point(state.object.number, Action::ReadLock)) return 0;
  ++state.readers[static_cast<std::size_t>(state.index)];
  machine.hold(state.object);
  return state.index;
}

void Srcu::read_unlock(int index) {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.release_point(state.object.number, Action::ReadUnlock)) return;
  u32& readers = state.readers[static_cast<std::size_t>(index)];
  if (readers == 0) {
    machine.fail(std::string(state.object.name) + ": read_unlock without read_lock");
    return;
  }
  --readers;
  machine.drop(state.object);
  update(machine, state);
}

void Srcu::synchronize() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.await(state.object, Action::Synchronize, !state.synchronizing, kBegin)) return;
  state.synchronizing = true;
  const int old = state.index;
  state.index = 1 - old;
  update(machine, state);
  if (state.readers[static_cast<std::size_t>(old)] > 0 &&
      !machine.await(state.object, Action::Synchronize, false, static_cast<u64>(old))) {
    return;
  }
  state.synchronizing = false;
  update(machine, state);
}

}  // namespace bioscope::rt
