// SPDX-License-Identifier: Apache-2.0
// std::shared_mutex would let readers pass a waiting writer, which the kernel's does not. A writer
// that leaves lets the readers in that waited meanwhile, so neither side starves.
#include "models/runtime/rw_semaphore.h"

#include <condition_variable>
#include <mutex>

#include "models/base/types.h"

namespace bioscope::rt {
namespace {

struct State {
  std::mutex lock;
  std::condition_variable readers_wake;
  std::condition_variable writers_wake;
  bool writer = false;
  u32 readers = 0;
  u32 waiting_readers = 0;
  u32 waiting_writers = 0;
  u64 admitted = 0;  // waiting readers that may enter, whatever writer waits
};

bool may_read(const State& state) {
  return !state.writer && (state.waiting_writers == 0 || state.admitted > 0);
}

bool may_write(const State& state) {
  return !state.writer && state.readers == 0 && state.admitted == 0;
}

// Wakes who may go on now. With the lock held.
void pass_on(State& state) {
  if (state.waiting_readers > 0) state.readers_wake.notify_all();
  if (state.waiting_writers > 0) state.writers_wake.notify_one();
}

}  // namespace

RwSemaphore::RwSemaphore(const char* /*name*/) {
  state_.construct<State>();
}

RwSemaphore::~RwSemaphore() {
  state_.destroy<State>();
}

void RwSemaphore::down_read() {
  auto& state = state_.as<State>();
  std::unique_lock guard(state.lock);
  if (state.writer || state.waiting_writers > 0) {
    ++state.waiting_readers;
    state.readers_wake.wait(guard, [&] { return may_read(state); });
    --state.waiting_readers;
    if (state.admitted > 0) --state.admitted;
  }
  ++state.readers;
}

bool RwSemaphore::down_read_trylock() {
  auto& state = state_.as<State>();
  const std::lock_guard guard(state.lock);
  if (state.writer || state.waiting_writers > 0) return false;
  ++state.readers;
  return true;
}

void RwSemaphore::up_read() {
  auto& state = state_.as<State>();
  const std::lock_guard guard(state.lock);
  if (--state.readers == 0) pass_on(state);
}

void RwSemaphore::down_write() {
  auto& state = state_.as<State>();
  std::unique_lock guard(state.lock);
  if (!may_write(state)) {
    ++state.waiting_writers;
    state.writers_wake.wait(guard, [&] { return may_write(state); });
    --state.waiting_writers;
  }
  state.writer = true;
}

bool RwSemaphore::down_write_trylock() {
  auto& state = state_.as<State>();
  const std::lock_guard guard(state.lock);
  if (!may_write(state)) return false;
  state.writer = true;
  return true;
}

void RwSemaphore::up_write() {
  auto& state = state_.as<State>();
  const std::lock_guard guard(state.lock);
  state.writer = false;
  state.admitted = state.waiting_readers;
  pass_on(state);
}

void RwSemaphore::downgrade_write() {
  auto& state = state_.as<State>();
  const std::lock_guard guard(state.lock);
  state.writer = false;
  ++state.readers;
  state.admitted = state.waiting_readers;
  pass_on(state);
}

}  // namespace bioscope::rt
