// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/percpu_ref.h"

#include <utility>

#include "models/runtime/run.h"

namespace bioscope::rt {
namespace {

constexpr u64 kDying = 1ULL << 63;

u64 count(u64 state) {
  return state & ~kDying;
}

}  // namespace

PercpuRef::PercpuRef(const char* name, Release release)
    : state_(1, name), zero_(name), release_(std::move(release)) {}

void PercpuRef::get() {
  if (count(state_.fetch_add(1)) == 0) fail("percpu_ref: get without a reference");
}

bool PercpuRef::tryget() {
  return count(state_.fetch_update(
             [](u64 state) { return count(state) == 0 ? state : state + 1; })) != 0;
}

bool PercpuRef::tryget_live() {
  return (state_.fetch_update([](u64 state) { return (state & kDying) != 0 ? state : state + 1; }) &
          kDying) == 0;
}

void PercpuRef::put() {
  const u64 before =
      state_.fetch_update([](u64 state) { return count(state) == 0 ? state : state - 1; });
  if (count(before) == 0) fail("percpu_ref: put without a reference");
  if (count(before) != 1) return;
  if ((before & kDying) == 0) fail("percpu_ref: the owner's reference was put without kill");
  if (release_) release_();
  zero_.complete_all();
}

void PercpuRef::kill() {
  if ((state_.fetch_or(kDying) & kDying) != 0) fail("percpu_ref: killed twice");
  put();
}

void PercpuRef::wait_for_zero() {
  zero_.wait();
}

bool PercpuRef::is_dying() const {
  return (state_.load() & kDying) != 0;
}

bool PercpuRef::is_zero() const {
  return count(state_.load()) == 0;
}

u64 PercpuRef::references() const {
  return count(state_.load());
}

void PercpuRef::resurrect() {
  zero_.reinit();
  const u64 before = state_.fetch_update([](u64 state) { return count(state) + 1; });
  if ((before & kDying) == 0) fail("percpu_ref: resurrected without kill");
}

}  // namespace bioscope::rt
