// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/schedule.h"

#include <algorithm>

#include "models/runtime/thread.h"

namespace bioscope::reference {
namespace {

constexpr u64 kNextThread = 1;  // the site of a choice of thread

}  // namespace

void Schedule::start(u64 seed, std::span<const u32> prescribed) {
  chooser_.restart(seed);
  chooser_.prescribe(ChoiceKind::Schedule, prescribed);
  waiters_.clear();
}

Schedule::Rank Schedule::rank_of(u32 thread) const {
  const auto found = std::ranges::find(waiters_, thread, &Waiter::thread);
  return found == waiters_.end() ? Rank::Ordinary : found->rank;
}

u32 Schedule::choose(std::span<const rt::sim::Candidate> candidates, u32 /*running*/) {
  if (candidates.size() == 1) return 0;
  Rank lowest = Rank::Supervisor;
  if (waiters_.empty()) {
    lowest = Rank::Ordinary;
  } else {
    for (const auto& candidate : candidates) lowest = std::min(lowest, rank_of(candidate.thread));
  }
  eligible_.clear();
  for (u32 i = 0; i < candidates.size(); ++i) {
    if (waiters_.empty() || rank_of(candidates[i].thread) == lowest) eligible_.push_back(i);
  }
  if (eligible_.size() == 1) return eligible_.front();
  const u32 choice =
      chooser_.pick(ChoiceKind::Schedule, kNextThread, static_cast<u32>(eligible_.size()));
  const auto chosen = eligible_.begin() + choice;
  std::ranges::nth_element(eligible_, chosen, {}, [&](u32 i) { return candidates[i].thread; });
  return *chosen;
}

u32 Schedule::pick(ChoiceKind kind, u64 site, u32 n) {
  return n == 1 ? 0 : chooser_.pick(kind, site, n);
}

void Schedule::wait_for_quiet(Rank rank) {
  const u32 me = rt::current_thread();
  waiters_.push_back({me, rank});
  rt::yield();
  promote(me);
}

void Schedule::promote(u32 thread) {
  std::erase_if(waiters_, [thread](const Waiter& waiter) { return waiter.thread == thread; });
}

}  // namespace bioscope::reference
