// SPDX-License-Identifier: Apache-2.0
// Who finds the semaphore taken gets a ticket and queues. A writer gets it whenever it is free (the
// kernel lets writers steal it); a reader when no writer is inside or queued before it.
#include "models/runtime/rw_semaphore.h"

#include "models/runtime/sim/machine.h"

namespace bioscope::rt {
namespace {

using sim::Action;
using sim::Fiber;
using sim::Machine;
using sim::Object;

struct State {
  Object object;
  bool writer = false;
  u32 readers = 0;
  u64 last_ticket = 0;
};

bool writer_queued_before(const State& state, u64 ticket) {
  for (const Fiber* each = state.object.pending.first(); each; each = each->next_pending) {
    if (each->next.action == Action::DownWrite && each->argument < ticket) return true;
  }
  return false;
}

bool may_read(const State& state, u64 ticket) {
  return !state.writer && !writer_queued_before(state, ticket);
}

bool may_write(const State& state) {
  return !state.writer && state.readers == 0;
}

void update(Machine& machine, State& state) {
  machine.enable_pending(state.object, [&state](const Fiber& fiber) {
    return fiber.next.action == Action::DownWrite ? may_write(state)
                                                  : may_read(state, fiber.argument);
  });
}

void take(Machine& machine, State& state, bool write) {
  if (write) {
    state.writer = true;
  } else {
    ++state.readers;
  }
  machine.hold(state.object);
  update(machine, state);
}

void down(Machine& machine, State& state, bool write) {
  const Action action = write ? Action::DownWrite : Action::DownRead;
  // To arrive is a step of its own: a writer that queues keeps readers out.
  if (!machine.point(state.object.number, action)) return;
  const u64 ticket = ++state.last_ticket;
  if (write ? !may_write(state) : !may_read(state, ticket)) {
    if (!machine.await(state.object, action, false, ticket)) return;
  }
  take(machine, state, write);
}

bool try_down(Machine& machine, State& state, bool write) {
  const Action action = write ? Action::DownWriteTrylock : Action::DownReadTrylock;
  if (!machine.point(state.object.number, action)) return true;
  if (write ? !may_write(state) : !may_read(state, state.last_ticket + 1)) return false;
  take(machine, state, write);
  return true;
}

}  // namespace

RwSemaphore::RwSemaphore(const char* name) {
  state_.construct<State>(Object{name, Machine::next_object_number(), {}});
}

RwSemaphore::~RwSemaphore() {
  state_.destroy<State>();
}

void RwSemaphore::down_read() {
  down(Machine::current(), state_.as<State>(), false);
}

void RwSemaphore::down_write() {
  down(Machine::current(), state_.as<State>(), true);
}

bool RwSemaphore::down_read_trylock() {
  return try_down(Machine::current(), state_.as<State>(), false);
}

bool RwSemaphore::down_write_trylock() {
  return try_down(Machine::current(), state_.as<State>(), true);
}

void RwSemaphore::up_read() {
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

void RwSemaphore::up_write() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.release_point(state.object.number, Action::UpWrite)) return;
  if (!state.writer) {
    machine.fail(std::string(state.object.name) + ": up_write without down_write");
    return;
  }
  state.writer = false;
  machine.drop(state.object);
  update(machine, state);
}

void RwSemaphore::downgrade_write() {
  Machine& machine = Machine::current();
  auto& state = state_.as<State>();
  if (!machine.release_point(state.object.number, Action::DowngradeWrite)) return;
  if (!state.writer) {
    machine.fail(std::string(state.object.name) + ": downgrade_write without down_write");
    return;
  }
  state.writer = false;
  ++state.readers;
  update(machine, state);
}

}  // namespace bioscope::rt
