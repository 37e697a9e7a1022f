// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/thread.h"

#include <pthread.h>

#include <atomic>
#include <cassert>
#include <memory>
#include <string>
#include <utility>

#include "models/runtime/atomic.h"
#include "models/runtime/os/task.h"

namespace bioscope::rt {
namespace os {
namespace {

std::atomic<u32> last_number{0};
thread_local Task* task = nullptr;

}  // namespace

Task& current_task() {
  thread_local Task foreign;  // of threads that the runtime did not start, main among them
  if (task == nullptr) {
    task = &foreign;
    foreign.number = ++last_number;
  }
  return *task;
}

void restart_task_numbers() {
  last_number = 0;
  current_task().number = ++last_number;
}

}  // namespace os

using os::Task;

Thread::Thread(std::string_view name, Function function) {
  auto state = std::make_unique<Task>();
  state->number = ++os::last_number;
  state->thread =
      std::thread([state = state.get(), function = std::move(function),
                   short_name = std::string(name.substr(0, kThreadNameBytes))]() mutable {
        os::task = state;
        pthread_setname_np(pthread_self(), short_name.c_str());
        function();
      });
  state_ = state.release();
}

Thread::Thread(Thread&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

Thread& Thread::operator=(Thread&& other) noexcept {
  assert(!joinable());
  state_ = std::exchange(other.state_, nullptr);
  return *this;
}

Thread::~Thread() {
  if (joinable()) join();
}

void Thread::join() {
  const std::unique_ptr<Task> task(static_cast<Task*>(std::exchange(state_, nullptr)));
  task->thread.join();
}

void Thread::signal() {
  Task& task = *static_cast<Task*>(state_);
  const std::lock_guard guard(task.lock);
  task.signalled = true;
  task.wake.notify_one();
}

void yield() {
  std::this_thread::yield();
}

u32 current_thread() {
  return os::current_task().number;
}

void*& task_slot(std::size_t slot) {
  return os::current_task().slots[slot];
}

u32 next_object_number() {
  return 0;
}

void before_access(const AtomicObject& /*object*/, Access /*access*/) {}

}  // namespace bioscope::rt
