// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/wait_queue.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "models/runtime/os/task.h"

namespace bioscope::rt {
namespace {

struct Queue;

// Lock order: the queue's, then the task's.
struct Entry {
  bool exclusive = false;
  Queue* queue = nullptr;  // the one it was last put on; only its own thread looks
  os::Task* task = nullptr;
  bool woken = false;  // under the task's lock
};

struct Queue {
  std::mutex lock;
  std::vector<Entry*> entries;  // in the order of arrival
};

void leave(Entry& entry) {
  if (entry.queue == nullptr) return;
  const std::lock_guard guard(entry.queue->lock);
  std::erase(entry.queue->entries, &entry);
  entry.queue = nullptr;
}

void wake(Queue& queue, bool all) {
  const std::lock_guard guard(queue.lock);
  bool done = false;
  std::erase_if(queue.entries, [&](Entry* entry) {
    if (done) return false;
    done = entry->exclusive && !all;
    // The entry cannot go away: its thread has to take the queue's lock first.
    const std::lock_guard task_guard(entry->task->lock);
    entry->woken = true;
    entry->task->wake.notify_one();
    return true;
  });
}

}  // namespace

WaitEntry::WaitEntry(Share share) {
  auto& entry = state_.construct<Entry>();
  entry.exclusive = share == Share::Exclusive;
  entry.task = &os::current_task();
}

WaitEntry::~WaitEntry() {
  leave(state_.as<Entry>());
  state_.destroy<Entry>();
}

void WaitEntry::tell_condition(bool (* /*condition*/)(void*), void* /*context*/) {}

WaitQueue::WaitQueue(const char* /*name*/) {
  state_.construct<Queue>();
}

WaitQueue::~WaitQueue() {
  state_.destroy<Queue>();
}

void WaitQueue::wake_up() {
  wake(state_.as<Queue>(), false);
}

void WaitQueue::wake_up_all() {
  wake(state_.as<Queue>(), true);
}

void WaitQueue::prepare_to_wait(WaitEntry& waiter) {
  auto& queue = state_.as<Queue>();
  auto& entry = waiter.state_.as<Entry>();
  const std::lock_guard guard(queue.lock);
  {
    const std::lock_guard task_guard(entry.task->lock);
    entry.woken = false;
  }
  entry.queue = &queue;
  if (std::ranges::find(queue.entries, &entry) == queue.entries.end()) {
    queue.entries.push_back(&entry);
  }
}

bool WaitQueue::schedule(WaitEntry& waiter, WaitKind kind) {
  auto& entry = waiter.state_.as<Entry>();
  os::Task& task = *entry.task;
  const bool interruptible = kind == WaitKind::Interruptible;
  {
    std::unique_lock guard(task.lock);
    task.wake.wait(guard, [&] { return entry.woken || (interruptible && task.signalled); });
    if (entry.woken) return true;
    task.signalled = false;
  }
  leave(entry);
  return false;
}

void WaitQueue::finish_wait(WaitEntry& waiter) {
  leave(waiter.state_.as<Entry>());
}

}  // namespace bioscope::rt
