// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/sim/virtual_clock.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "models/runtime/atomic.h"
#include "models/runtime/clock.h"
#include "models/runtime/sim/test_search.h"
#include "models/runtime/thread.h"

namespace bioscope::rt::sim {
namespace {

TEST(VirtualClock, JumpsToTheEarliestDeadline) {
  EXPECT_FALSE(search(
                   [] {
                     std::vector<u64> woken_ms;
                     {
                       Thread late("late", [&] {
                         sleep_ms(3'600'000);
                         woken_ms.push_back(now_ms());
                       });
                       Thread early("early", [&] {
                         sleep_ms(5);
                         woken_ms.push_back(now_ms());
                       });
                     }
                     EXPECT_EQ(woken_ms, (std::vector<u64>{5, 3'600'000}));
                   },
                   50)
                   .has_value());
}

std::set<int> seen_by_sleeper(ClockMode mode) {
  std::set<int> seen;
  Options options;
  options.clock = mode;
  EXPECT_FALSE(search(
                   [&] {
                     Atomic<int> steps(0);
                     Thread sleeper("sleeper", [&] {
                       sleep_ms(1);
                       seen.insert(steps.load());
                     });
                     for (int i = 0; i < 3; ++i) steps.fetch_add(1);
                   },
                   300, options)
                   .has_value());
  return seen;
}

TEST(VirtualClock, TimePassesOnlyWhenQuietUnlessAsked) {
  EXPECT_EQ(seen_by_sleeper(ClockMode::WhenQuiet), (std::set<int>{3}));
  EXPECT_EQ(seen_by_sleeper(ClockMode::Anytime), (std::set<int>{0, 1, 2, 3}));
}

}  // namespace
}  // namespace bioscope::rt::sim
