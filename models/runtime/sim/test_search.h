// SPDX-License-Identifier: Apache-2.0
// Runs a program under many seeds until one ends as it should not.
#pragma once

#include <functional>
#include <optional>

#include "models/runtime/sim/chooser_scheduler.h"
#include "models/runtime/sim/simulation.h"

namespace bioscope::rt::sim {

// The first outcome that is not Finished within `runs` seeds.
inline std::optional<Outcome> search(const std::function<void()>& program, u64 runs,
                                     const Options& options = {}) {
  Simulation simulation(options);
  for (u64 seed = 1; seed <= runs; ++seed) {
    Chooser chooser(seed);
    ChooserScheduler scheduler(chooser);
    Outcome outcome = simulation.run(scheduler, program);
    if (outcome.end != End::Finished) return outcome;
  }
  return std::nullopt;
}

}  // namespace bioscope::rt::sim
