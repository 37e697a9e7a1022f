// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/wait_queue.h"

#include "models/runtime/sim/machine.h"

namespace bioscope::rt {
namespace {

using sim::Action;
using sim::Fiber;
using sim::Machine;
using sim::Object;

constexpr u64 kSignalSite = 2;  // of the choice whether a signal comes

struct Queue;

struct Entry {
  bool exclusive = false;
  bool woken = false;
  bool sleeping = false;
  Fiber* fiber = nullptr;
  Queue* queue = nullptr;  // that it is on
  Entry* previous = nullptr;
  Entry* next = nullptr;
  bool (*condition)(void*) = nullptr;
  void* context = nullptr;
};

// Entries in the order of arrival.
struct Queue {
  Object object;
  Entry* first = nullptr;
  Entry* last = nullptr;
};

void link(Queue& queue, Entry& entry) {
  entry.queue = &queue;
  entry.previous = queue.last;
  entry.next = nullptr;
  (queue.last != nullptr ? queue.last->next : queue.first) = &entry;
  queue.last = &entry;
}

void unlink(Entry& entry) {
  Queue& queue = *entry.queue;
  (entry.previous != nullptr ? entry.previous->next : queue.first) = entry.next;
  (entry.next != nullptr ? entry.next->previous : queue.last) = entry.previous;
  entry.queue = nullptr;
}

void wake(Machine& machine, Queue& queue, bool all) {
  if (!machine.point(queue.object.number, Action::WakeUp)) return;
  for (Entry* each = queue.first; each != nullptr;) {
    Entry& entry = *each;
    each = entry.next;
    unlink(entry);
    entry.woken = true;
    if (entry.sleeping) machine.enable(*entry.fiber, true);
    if (entry.exclusive && !all) return;
  }
}

}  // namespace

WaitEntry::WaitEntry(Share share) {
  state_.construct<Entry>().exclusive = share == Share::Exclusive;
}

WaitEntry::~WaitEntry() {
  auto& entry = state_.as<Entry>();
  if (entry.queue != nullptr && !Machine::current().stopped()) unlink(entry);
  state_.destroy<Entry>();
}

void WaitEntry::tell_condition(bool (*condition)(void*), void* context) {
  auto& entry = state_.as<Entry>();
  entry.condition = condition;
  entry.context = context;
}

WaitQueue::WaitQueue(const char* name) {
  state_.construct<Queue>(Object{name, Machine::next_object_number(), {}});
}

WaitQueue::~WaitQueue() {
  state_.destroy<Queue>();
}

void WaitQueue::wake_up() {
  wake(Machine::current(), state_.as<Queue>(), false);
}

void WaitQueue::wake_up_all() {
  wake(Machine::current(), state_.as<Queue>(), true);
}

void WaitQueue::prepare_to_wait(WaitEntry& waiter) {
  Machine& machine = Machine::current();
  auto& queue = state_.as<Queue>();
  auto& entry = waiter.state_.as<Entry>();
  if (!machine.point(queue.object.number, Action::PrepareToWait)) return;
  entry.fiber = &machine.running();
  entry.woken = false;
  if (entry.queue == nullptr) link(queue, entry);
}

bool WaitQueue::schedule(WaitEntry& waiter, WaitKind kind) {
  Machine& machine = Machine::current();
  auto& queue = state_.as<Queue>();
  auto& entry = waiter.state_.as<Entry>();
  if (!machine.alive()) return true;
  Fiber& me = machine.running();
  const bool interruptible = kind == WaitKind::Interruptible;
  if (interruptible && !entry.woken && !me.signalled) {
    const u32 percent = machine.options().signal_percent;
    me.signalled = percent > 0 && machine.pick(ChoiceKind::Fault, kSignalSite, 100) < percent;
  }
  entry.sleeping = true;
  me.interruptible = interruptible;
  me.condition = entry.condition;
  me.condition_context = entry.context;
  const bool enabled = entry.woken || (interruptible && me.signalled);
  if (!machine.await(queue.object, Action::WaitEvent, enabled)) return true;
  entry.sleeping = false;
  me.interruptible = false;
  me.condition = nullptr;
  if (entry.woken) return true;
  me.signalled = false;
  unlink(entry);
  return false;
}

void WaitQueue::finish_wait(WaitEntry& waiter) {
  auto& entry = waiter.state_.as<Entry>();
  if (entry.queue != nullptr && !Machine::current().stopped()) unlink(entry);
}

}  // namespace bioscope::rt
