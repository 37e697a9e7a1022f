// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/cleanup.h"

#include <gtest/gtest.h>

namespace bioscope {
namespace {

TEST(Counts, OnlyWhatDiffersIsLeftOver) {
  const std::vector<Count> before{{"mounts", 0}, {"open count of d0", 1}, {"holders of d0", 2}};
  EXPECT_TRUE(differences(before, before).empty());
  const std::vector<Count> after{{"mounts", 0}, {"open count of d0", 2}, {"freeze depth of d0", 1}};
  EXPECT_EQ(differences(before, after), (std::vector<Leftover>{{"open count of d0", 1, 2},
                                                               {"freeze depth of d0", 0, 1},
                                                               {"holders of d0", 2, 0}}));
}

TEST(Counts, ADiskThatCannotBeReadIsAnError) {
  Trace trace;
  trace.disks.push_back({.name = "d0"});
  Stage stage{trace, {}, {}, {}};
  stage.devices.add({"d0", "/dev/bioscope-no-such-disk", 0, 0, true});
  const auto counts = take_counts(stage);
  ASSERT_FALSE(counts);
  EXPECT_NE(counts.error().message.find("holders of d0"), std::string::npos);
}

}  // namespace
}  // namespace bioscope
