// SPDX-License-Identifier: Apache-2.0
// As kernel/rcu/srcutree.c: two counts of readers, and an index that says which one new readers
// use. A reader that read the index before it changed may count itself late, in the old one: then
// its section began after the wait, or the next synchronize() waits for it before it reuses the
// count.
#include "models/runtime/srcu.h"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>

#include "models/base/types.h"

namespace bioscope::rt {
namespace {

constexpr std::size_t kCacheLineBytes = 64;

struct State {
  struct alignas(kCacheLineBytes) Count {
    std::atomic<u32> readers{0};
  };
  std::array<Count, 2> counts;
  std::atomic<u32> index{0};
  std::mutex synchronizing;
};

void wait_for_zero(std::atomic<u32>& readers) {
  for (u32 seen = readers.load(); seen != 0; seen = readers.load()) readers.wait(seen);
}

}  // namespace

Srcu::Srcu(const char* /*name*/) {
  state_.construct<std::unique_ptr<State>>(std::make_unique<State>());
}

Srcu::~Srcu() {
  state_.destroy<std::unique_ptr<State>>();
}

int Srcu::read_lock() {
  State& state = *state_.as<std::unique_ptr<State>>();
  const u32 index = state.index.load();
  state.counts[index].readers.fetch_add(1);
  return static_cast<int>(index);
}

void Srcu::read_unlock(int index) {
  State& state = *state_.as<std::unique_ptr<State>>();
  std::atomic<u32>& readers = state.counts[static_cast<std::size_t>(index)].readers;
  if (readers.fetch_sub(1) == 1) readers.notify_all();
}

void Srcu::synchronize() {
  State& state = *state_.as<std::unique_ptr<State>>();
  const std::lock_guard guard(state.synchronizing);
  const u32 old = state.index.load();
  wait_for_zero(state.counts[1 - old].readers);
  state.index = 1 - old;
  wait_for_zero(state.counts[old].readers);
}

}  // namespace bioscope::rt
