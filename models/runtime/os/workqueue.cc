// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/workqueue.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "models/runtime/thread.h"

namespace bioscope::rt {
namespace {

struct State {
  explicit State(u32 max_active) : works(max_active) {}

  std::mutex lock;
  std::condition_variable has_work;
  std::condition_variable finished;
  WorkList works;
  bool closing = false;
  std::vector<Thread> workers;
};

void work(State& state) {
  std::unique_lock guard(state.lock);
  for (;;) {
    state.has_work.wait(guard, [&] { return state.works.takeable() > 0 || state.closing; });
    Work* taken = state.works.take();
    if (taken == nullptr) return;
    guard.unlock();
    taken->run();
    guard.lock();
    state.works.finish(taken);
    state.finished.notify_all();
    state.has_work.notify_one();  // what could not start while this one ran
  }
}

}  // namespace

Workqueue::Workqueue(const char* name, u32 max_active) {
  auto state = std::make_unique<State>(max_active);
  for (u32 i = 0; i < max_active; ++i) {
    state->workers.emplace_back(std::string("kw/") + name, [s = state.get()] { work(*s); });
  }
  state_.construct<std::unique_ptr<State>>(std::move(state));
}

Workqueue::~Workqueue() {
  drain();
  State& state = *state_.as<std::unique_ptr<State>>();
  {
    const std::lock_guard guard(state.lock);
    state.closing = true;
    state.has_work.notify_all();
  }
  state.workers.clear();
  state_.destroy<std::unique_ptr<State>>();
}

bool Workqueue::queue(Work& queued) {
  State& state = *state_.as<std::unique_ptr<State>>();
  const std::lock_guard guard(state.lock);
  if (!state.works.queue(queued)) return false;
  state.has_work.notify_one();
  return true;
}

void Workqueue::flush() {
  State& state = *state_.as<std::unique_ptr<State>>();
  std::unique_lock guard(state.lock);
  const u64 number = state.works.last_number();
  state.finished.wait(guard, [&] { return state.works.finished_up_to(number); });
}

void Workqueue::drain() {
  State& state = *state_.as<std::unique_ptr<State>>();
  std::unique_lock guard(state.lock);
  state.finished.wait(guard, [&] { return state.works.idle(); });
}

void Workqueue::flush_work(Work& flushed) {
  State& state = *state_.as<std::unique_ptr<State>>();
  std::unique_lock guard(state.lock);
  state.finished.wait(guard, [&] { return !state.works.busy(&flushed); });
}

bool Workqueue::cancel_work_sync(Work& cancelled) {
  State& state = *state_.as<std::unique_ptr<State>>();
  std::unique_lock guard(state.lock);
  const bool pending = state.works.remove(cancelled);
  if (pending) state.finished.notify_all();
  state.finished.wait(guard, [&] { return !state.works.running(&cancelled); });
  return pending;
}

}  // namespace bioscope::rt
