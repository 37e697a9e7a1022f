// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/percpu_rw_semaphore.h"

#include "models/runtime/sim/machine.h"

namespace bioscope::rt {
namespace {

using sim::Action;
using sim::Fiber;
using sim::Machine;
using sim::Object;

constexpr u64 kDraining = 1;  // the argument of the writer that blocks, while it waits for readers

struct State {
  Object object;
  bool blocked = false;  // sem->block: a writer is inside, or waits for the readers to leave
  u32 readers = 0;
};

void update(Machine& machine, State& state) {
  machine.enable_pending(state.object, [&state](const Fiber& fiber) {
    return fiber.argument == kDraining ? state.readers == 0 : !state.blocked;
  });
}

void enter_read(Machine& machine, State& state) {
  ++state.readers;
  machine.hold(state.object);
}

}  // namespace

PercpuRwSemaphore::PercpuRwSemaphore(const char* name) {
  state_.construct<State>(Object{name, Machine::next_object_number(), {}});
}

PercpuRwSemaphore::~PercpuRwSemaphore() {
  state_.destroy<State>();
}

void PercpuRwSemaphore::down_read() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (machine.await(state.object, Action::DownRead, !state.blocked)) enter_read(machine, state);
}

bool PercpuRwSemaphore::down_read_trylock() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.point(state.object.number, Action::DownReadTrylock)) return true;
  if (state.blocked) return false;
  enter_read(machine, state);
  return true;
}

void PercpuRwSemaphore::up_read() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.release_point(state.object.number, Action::UpRead)) return;
  if (state.readers == 0) {
    machine.fail(std::string(state.object.name) + ": up_read without down_read");
    return;
  }
  --state.readers;
  machine.drop(state.object);
  update(machine, state);
}

void PercpuRwSemaphore::down_write() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.await(state.object, Action::DownWrite, !state.blocked)) return;
  state.blocked = true;
  machine.hold(state.object);
  update(machine, state);
  if (state.readers > 0) {
    (void)machine.await(state.object, Action::DownWrite, false, kDraining);
  }
}

void PercpuRwSemaphore::up_write() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.release_point(state.object.number, Action::UpWrite)) return;
  if (!state.blocked) {
    machine.fail(std::string(state.object.name) + ": up_write without down_write");
    return;
  }
  state.blocked = false;
  machine.drop(state.object);
  update(machine, state);
}

}  // namespace bioscope::rt
