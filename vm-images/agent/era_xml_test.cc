// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/era_xml.h"

#include <gtest/gtest.h>

namespace bioscope {
namespace {

TEST(EraSummary, RunsOfBlocksWithTheirEra) {
  const auto text =
      era_summary(R"(<superblock uuid="" block_size="64" nr_blocks="6" current_era="3">
  <era_array>
    <era block="0" era="1"/>
    <era block="1" era="1"/>
    <era block="2" era="0"/>
    <era block="3" era="2"/>
    <era block="4" era="1"/>
    <era block="5" era="1"/>
  </era_array>
</superblock>)");
  EXPECT_EQ(text, "era=3 0-1:1 3:2 4-5:1");
}

TEST(EraSummary, AWriteSetCountsForItsBlocks) {
  const auto text =
      era_summary(R"(<superblock uuid="" block_size="64" nr_blocks="3" current_era="2">
  <writeset era="2" nr_bits="3">
    <bit block="0" value="false"/>
    <bit block="1" value="true"/>
    <bit block="2" value="true"/>
  </writeset>
  <era_array>
    <era block="0" era="1"/>
    <era block="1" era="1"/>
    <era block="2" era="0"/>
  </era_array>
</superblock>)");
  EXPECT_EQ(text, "era=2 0:1 1-2:2");
}

TEST(EraSummary, WhatIsNoDumpIsRefused) {
  EXPECT_FALSE(era_summary("").has_value());
  EXPECT_FALSE(era_summary("era_dump: cannot open").has_value());
  EXPECT_FALSE(era_summary("<superblock current_era=\"1\"").has_value());
  EXPECT_FALSE(era_summary("<superblock block_size=\"8\">").has_value());
}

}  // namespace
}  // namespace bioscope
