// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/completion.h"

#include <condition_variable>
#include <mutex>

#include "models/base/types.h"

namespace bioscope::rt {
namespace {

constexpr u32 kAll = ~0U;  // UINT_MAX, as complete_all() sets it

struct State {
  std::mutex lock;
  std::condition_variable completed;
  u32 done = 0;
};

bool consume(State& state) {
  if (state.done == 0) return false;
  if (state.done != kAll) --state.done;
  return true;
}

}  // namespace

Completion::Completion(const char* /*name*/) {
  state_.construct<State>();
}

Completion::~Completion() {
  state_.destroy<State>();
}

// Notified with the lock held: a waiter that returned may destroy the state.
void Completion::complete() {
  auto& state = state_.as<State>();
  const std::lock_guard guard(state.lock);
  if (state.done != kAll) ++state.done;
  state.completed.notify_one();
}

void Completion::complete_all() {
  auto& state = state_.as<State>();
  const std::lock_guard guard(state.lock);
  state.done = kAll;
  state.completed.notify_all();
}

void Completion::wait() {
  auto& state = state_.as<State>();
  std::unique_lock guard(state.lock);
  state.completed.wait(guard, [&] { return consume(state); });
}

bool Completion::try_wait() {
  auto& state = state_.as<State>();
  const std::lock_guard guard(state.lock);
  return consume(state);
}

bool Completion::done() {
  auto& state = state_.as<State>();
  const std::lock_guard guard(state.lock);
  return state.done > 0;
}

void Completion::reinit() {
  auto& state = state_.as<State>();
  const std::lock_guard guard(state.lock);
  state.done = 0;
}

}  // namespace bioscope::rt
