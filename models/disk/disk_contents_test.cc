// SPDX-License-Identifier: Apache-2.0
#include "models/disk/disk_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bioscope {
namespace {

using ::testing::ElementsAre;

std::vector<u8> filled(u64 sectors, u8 value) {
  return std::vector<u8>(sectors * kSectorBytes, value);
}

SectorBytes sector_filled(u8 value) {
  SectorBytes bytes;
  bytes.fill(value);
  return bytes;
}

TEST(DiskContents, UnwrittenSectorsReadAsZeroes) {
  const DiskContents contents(CacheMode::Volatile);
  EXPECT_EQ(contents.read({5, 2}), filled(2, 0));
}

TEST(DiskContents, ReadsSeeTheLastWriteThoughItIsNotDurable) {
  DiskContents contents(CacheMode::Volatile);
  contents.write({4, 2}, filled(2, 1), false);
  contents.write({5, 1}, filled(1, 2), false);
  std::vector<u8> expected = filled(1, 1);
  expected.insert(expected.end(), kSectorBytes, 2);
  EXPECT_EQ(contents.read({4, 2}), expected);
}

TEST(DiskContents, APowerCutLeavesEachVersionSinceTheFlush) {
  DiskContents contents(CacheMode::Volatile);
  contents.write({0, 1}, filled(1, 1), false);
  contents.flush();
  EXPECT_THAT(contents.after_power_cut(0), ElementsAre(sector_filled(1)));
  contents.write({0, 1}, filled(1, 2), false);
  contents.write({0, 1}, filled(1, 3), false);
  EXPECT_THAT(contents.after_power_cut(0),
              ElementsAre(sector_filled(1), sector_filled(2), sector_filled(3)));
  EXPECT_THAT(contents.undecided_sectors(), ElementsAre(0));
}

TEST(DiskContents, FuaIsDurableAndLeavesOtherSectorsInTheCache) {
  DiskContents contents(CacheMode::Volatile);
  contents.write({0, 2}, filled(2, 1), false);
  contents.write({0, 1}, filled(1, 2), true);
  EXPECT_THAT(contents.after_power_cut(0), ElementsAre(sector_filled(2)));
  EXPECT_THAT(contents.after_power_cut(1), ElementsAre(sector_filled(0), sector_filled(1)));
}

TEST(DiskContents, WithoutACacheEveryWriteIsDurable) {
  DiskContents contents(CacheMode::None);
  contents.write({0, 1}, filled(1, 1), false);
  EXPECT_TRUE(contents.undecided_sectors().empty());
  contents.discard({0, 1});
  EXPECT_EQ(contents.read({0, 1}), filled(1, 0));
}

TEST(DiskContents, AnInFlightWriteMayReachTheMediumButIsNotRead) {
  DiskContents contents(CacheMode::None);
  contents.may_reach_medium({0, 1}, filled(1, 7));
  EXPECT_EQ(contents.read({0, 1}), filled(1, 0));
  EXPECT_THAT(contents.after_power_cut(0), ElementsAre(sector_filled(0), sector_filled(7)));
}

TEST(DiskContents, ThePowerCutDecidesAsPrescribed) {
  for (const u32 choice : {0U, 1U}) {
    DiskContents contents(CacheMode::Volatile);
    contents.write({0, 1}, filled(1, 9), false);
    Chooser chooser(1);
    chooser.prescribe(ChoiceKind::Crash, std::vector<u32>{choice});
    contents.power_cut(chooser);
    EXPECT_EQ(contents.read({0, 1}), filled(1, choice == 0 ? 0 : 9));
    EXPECT_TRUE(contents.undecided_sectors().empty());
  }
}

}  // namespace
}  // namespace bioscope
