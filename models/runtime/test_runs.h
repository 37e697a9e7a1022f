// SPDX-License-Identifier: Apache-2.0
// Runs a program of a test several times: under as many schedules in sim, with real threads in os.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "models/runtime/run.h"

namespace bioscope::rt {

inline constexpr u64 kTestRuns = 60;

inline void finishes(const std::function<void()>& program) {
  for (u64 seed = 1; seed <= kTestRuns; ++seed) {
    const Outcome outcome = run({.seed = seed}, program);
    ASSERT_EQ(outcome.end, End::Finished) << "seed " << seed << ": " << describe(outcome);
  }
}

}  // namespace bioscope::rt
