// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/sim/chooser_scheduler.h"

namespace bioscope::rt::sim {
namespace {

constexpr u64 kNextThread = 1;  // the site of a choice of thread

}  // namespace

u32 ChooserScheduler::choose(std::span<const Candidate> candidates, u32 /*running*/) {
  if (candidates.size() == 1) return 0;
  return chooser_.pick(ChoiceKind::Schedule, kNextThread, static_cast<u32>(candidates.size()));
}

u32 ChooserScheduler::pick(ChoiceKind kind, u64 site, u32 n) {
  return n == 1 ? 0 : chooser_.pick(kind, site, n);
}

}  // namespace bioscope::rt::sim
