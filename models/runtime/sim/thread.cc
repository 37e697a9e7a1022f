// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/thread.h"

#include <cassert>
#include <utility>

#include "models/runtime/atomic.h"
#include "models/runtime/sim/machine.h"

namespace bioscope::rt {

using sim::Action;
using sim::Fiber;
using sim::Machine;

Thread::Thread(std::string_view name, Function function) {
  Machine& machine = Machine::current();
  machine.alive();
  state_ = &machine.spawn(name, std::move(function));
}

Thread::Thread(Thread&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

Thread& Thread::operator=(Thread&& other) noexcept {
  assert(!joinable());
  state_ = std::exchange(other.state_, nullptr);
  return *this;
}

Thread::~Thread() {
  if (joinable()) Machine::current().join(*static_cast<Fiber*>(state_));
}

void Thread::join() {
  Machine& machine = Machine::current();
  machine.join(*static_cast<Fiber*>(std::exchange(state_, nullptr)));
  machine.alive();
}

void Thread::signal() {
  Machine& machine = Machine::current();
  auto& fiber = *static_cast<Fiber*>(state_);
  if (!machine.point(fiber.exit.number, Action::Signal) || fiber.finished) return;
  fiber.signalled = true;
  if (fiber.interruptible) machine.enable(fiber, true);
}

void yield() {
  Machine::current().point(0, Action::Yield, Access::Read);
}

u32 current_thread() {
  return Machine::current().running().next.thread;
}

void*& task_slot(std::size_t slot) {
  return Machine::current().running().task_slots[slot];
}

u32 next_object_number() {
  return Machine::next_object_number();
}

void before_access(const AtomicObject& object, Access access) {
  Machine* machine = Machine::current_or_null();
  if (machine == nullptr) return;
  machine->point(object.number, access == Access::Read ? Action::Load : Action::Store, access);
}

}  // namespace bioscope::rt
