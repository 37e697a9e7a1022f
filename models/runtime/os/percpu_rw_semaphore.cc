// SPDX-License-Identifier: Apache-2.0
// Readers count themselves in one of several slots, each on a cache line of its own, and look
// whether a writer blocks. Once it does, no count can rise for good: a reader that sees the block
// takes its count back. So the sum that the writer waits for is exact when it is zero.
#include "models/runtime/percpu_rw_semaphore.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "models/base/types.h"

namespace bioscope::rt {
namespace {

constexpr std::size_t kSlots = 16;
constexpr std::size_t kCacheLineBytes = 64;

struct alignas(kCacheLineBytes) Slot {
  std::atomic<i64> readers{0};  // may be negative: who leaves may be another thread
};

struct State {
  std::array<Slot, kSlots> slots;
  std::atomic<bool> blocked{false};
  std::mutex lock;
  std::condition_variable changed;
};

std::atomic<std::size_t> next_slot{0};

Slot& my_slot(State& state) {
  thread_local const std::size_t mine = next_slot++ % kSlots;
  return state.slots[mine];
}

i64 readers(State& state) {
  i64 sum = 0;
  for (const Slot& slot : state.slots) sum += slot.readers.load();
  return sum;
}

void leave(State& state) {
  my_slot(state).readers.fetch_sub(1);
  if (!state.blocked.load()) return;
  const std::lock_guard guard(state.lock);
  state.changed.notify_all();
}

bool try_enter(State& state) {
  my_slot(state).readers.fetch_add(1);
  if (!state.blocked.load()) return true;
  leave(state);
  return false;
}

}  // namespace

PercpuRwSemaphore::PercpuRwSemaphore(const char* /*name*/) {
  state_.construct<std::unique_ptr<State>>(std::make_unique<State>());
}

PercpuRwSemaphore::~PercpuRwSemaphore() {
  state_.destroy<std::unique_ptr<State>>();
}

void PercpuRwSemaphore::down_read() {
  State& state = *state_.as<std::unique_ptr<State>>();
  while (!try_enter(state)) {
    std::unique_lock guard(state.lock);
    state.changed.wait(guard, [&] { return !state.blocked.load(); });
  }
}

bool PercpuRwSemaphore::down_read_trylock() {
  return try_enter(*state_.as<std::unique_ptr<State>>());
}

void PercpuRwSemaphore::up_read() {
  leave(*state_.as<std::unique_ptr<State>>());
}

void PercpuRwSemaphore::down_write() {
  State& state = *state_.as<std::unique_ptr<State>>();
  std::unique_lock guard(state.lock);
  state.changed.wait(guard, [&] { return !state.blocked.load(); });
  state.blocked = true;
  state.changed.wait(guard, [&] { return readers(state) == 0; });
}

void PercpuRwSemaphore::up_write() {
  State& state = *state_.as<std::unique_ptr<State>>();
  const std::lock_guard guard(state.lock);
  state.blocked = false;
  state.changed.notify_all();
}

}  // namespace bioscope::rt
