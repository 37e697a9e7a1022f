// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/throttle.h"

#include <algorithm>
#include <mutex>

#include "models/interposer/block/submit.h"
#include "models/interposer/variants.h"
#include "models/runtime/clock.h"
#include "models/runtime/workqueue.h"

namespace bioscope::blk {
namespace {

constexpr u64 kMsPerSecond = 1000;

}  // namespace

struct Throttle::State {
  rt::Mutex lock{"throttle"};
  u64 sectors_per_second = 0;
  bool cancelled = false;
  u64 free_at_ms = 0;  // when the next bio may pass
  BioList waiting;     // in the order of arrival (T1)
  rt::Workqueue queue{"kthrotld", rt::kOrdered};
  rt::DelayedWork dispatch{queue, [this] { let_go(); }};

  bool unlimited() const { return sectors_per_second == 0 || cancelled; }

  // tg_may_dispatch() and throtl_charge_bio(). The lock is held.
  bool may_pass(const Bio& bio) {
    if (unlimited()) return true;
    const u64 now = rt::now_ms();
    if (now < free_at_ms) return false;
    free_at_ms = now + bio_sectors(bio) * kMsPerSecond / sectors_per_second;
    return true;
  }

  // The lock is held.
  void arm() {
    const u64 now = rt::now_ms();
    dispatch.queue(unlimited() || free_at_ms <= now ? 0 : free_at_ms - now);
  }

  // blk_throtl_dispatch_work_fn().
  void let_go() {
    BioList ready;
    {
      const std::lock_guard guard(lock);
      while (!waiting.empty() && may_pass(*waiting.peek())) ready.add(waiting.pop());
      if (!waiting.empty()) arm();
    }
    while (Bio* bio = ready.pop()) submit_bio_noacct_nocheck(*bio);
  }
};

Throttle::Throttle() = default;

Throttle::~Throttle() {
  delete state_.load();
}

void Throttle::set_sectors_per_second(u64 rate) {
  if (state_.load() == nullptr) state_.store(new State);
  State& state = *state_.load();
  const std::lock_guard guard(state.lock);
  state.sectors_per_second = rate;
  state.free_at_ms = 0;
  if (!state.waiting.empty()) state.arm();
}

bool Throttle::take(Bio& bio) {
  State* state = state_.load();
  if (state == nullptr || (bio.flags & kBioThrottled) != 0) return false;
  const std::lock_guard guard(state->lock);
  bio.flags |= kBioThrottled;
  if (state->waiting.empty() && state->may_pass(bio)) return false;
  const bool first = state->waiting.empty();
  if (planted(Defect::ThrottleReorders)) {
    state->waiting.add_head(&bio);
  } else {
    state->waiting.add(&bio);
  }
  if (first) state->arm();
  return true;
}

void Throttle::cancel() {
  State* state = state_.load();
  if (state == nullptr) return;
  BioList all;
  {
    const std::lock_guard guard(state->lock);
    state->cancelled = true;
    all = state->waiting.take();
  }
  state->dispatch.cancel_sync();
  while (Bio* bio = all.pop()) submit_bio_noacct_nocheck(*bio);
}

}  // namespace bioscope::blk
