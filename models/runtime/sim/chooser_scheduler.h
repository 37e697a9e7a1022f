// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/runtime/sim/scheduler.h"

namespace bioscope::rt::sim {

// Every choice from a Chooser: what it was prescribed first, then uniformly random from its seed.
class ChooserScheduler final : public Scheduler {
 public:
  // REQUIRES: `chooser` outlives this.
  explicit ChooserScheduler(Chooser& chooser) : chooser_(chooser) {}

  u32 choose(std::span<const Candidate> candidates, u32 running) override;
  u32 pick(ChoiceKind kind, u64 site, u32 n) override;

 private:
  Chooser& chooser_;
};

}  // namespace bioscope::rt::sim
