// SPDX-License-Identifier: Apache-2.0
#include "models/spec/contents.h"

#include <gtest/gtest.h>

#include "models/spec/ranges.h"

namespace bioscope::spec {
namespace {

constexpr Candidate kWrite{CandidateKind::Written, 3, 0};

std::vector<Range> parts(const Contents& contents) {
  std::vector<Range> found;
  contents.for_each({0, contents.size_sectors()}, [&](u64 first, u64 end, const CandidateSet&) {
    found.push_back({first, end - first});
  });
  return found;
}

TEST(Contents, AddCutsRunsAndEqualNeighboursBecomeOne) {
  Contents contents = Contents::zeroes(64);
  contents.add({8, 8}, kWrite);
  EXPECT_EQ(parts(contents), (std::vector<Range>{{0, 8}, {8, 8}, {16, 48}}));
  contents.add({16, 48}, kWrite);
  contents.add({0, 8}, kWrite);
  EXPECT_EQ(parts(contents), (std::vector<Range>{{0, 64}}));
}

TEST(Contents, WhatLiesPastTheEndIsLeftOut) {
  Contents contents = Contents::zeroes(16);
  contents.add({8, 100}, kWrite);
  EXPECT_EQ(parts(contents), (std::vector<Range>{{0, 8}, {8, 8}}));
  contents.add({100, 8}, kWrite);
  EXPECT_EQ(contents.size_sectors(), 16U);
}

TEST(Contents, ACopyShiftsStamps) {
  Contents from = Contents::zeroes(64);
  from.set({10, 4}, CandidateSet(kWrite));
  Contents to = Contents::zeroes(64);
  to.copy({0, 4}, from, 10);
  to.for_each({0, 4}, [](u64, u64, const CandidateSet& set) {
    ASSERT_EQ(set.size(), 1U);
    EXPECT_TRUE(matches(set[0], 0, Stamp{3, 10, 7}, 7));
    EXPECT_FALSE(matches(set[0], 1, Stamp{3, 10, 7}, 7));
    EXPECT_FALSE(matches(set[0], 0, Stamp{3, 10, 8}, 7));
  });
}

TEST(Ranges, AddMergesRemoveCuts) {
  Ranges ranges;
  ranges.add({4, 2});
  ranges.add({0, 2});
  ranges.add({2, 2});
  EXPECT_EQ(ranges.list(), (std::vector<Range>{{0, 6}}));
  ranges.remove({1, 2});
  EXPECT_EQ(ranges.list(), (std::vector<Range>{{0, 1}, {3, 3}}));
  EXPECT_TRUE(ranges.contains(3));
  EXPECT_FALSE(ranges.contains(1));
  EXPECT_FALSE(ranges.overlaps({1, 2}));
  EXPECT_EQ(ranges.count(), 4U);
}

}  // namespace
}  // namespace bioscope::spec
