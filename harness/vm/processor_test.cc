// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/processor.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <vector>

namespace bioscope {
namespace {

TEST(ProcessorShare, GuestsSpreadOverWhatThisProcessMayUse) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  const int processors = CPU_COUNT(&allowed);
  std::vector<ProcessorShare> shares(static_cast<std::size_t>(processors));
  std::set<int> taken;
  for (const ProcessorShare& share : shares) {
    EXPECT_EQ(CPU_COUNT(&share.mask()), 1);
    EXPECT_TRUE(CPU_ISSET(share.number(), &allowed));
    taken.insert(share.number());
  }
  EXPECT_EQ(taken.size(), static_cast<std::size_t>(processors));
}

TEST(ProcessorShare, IsGivenBack) {
  std::optional<ProcessorShare> first{std::in_place};
  const int number = first->number();
  first.reset();
  EXPECT_EQ(ProcessorShare().number(), number);
}

}  // namespace
}  // namespace bioscope
