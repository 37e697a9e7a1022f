// SPDX-License-Identifier: Apache-2.0
#include "models/base/chooser.h"

#include <gtest/gtest.h>

#include <set>

namespace bioscope {
namespace {

std::vector<u32> draw(Chooser& chooser, ChoiceKind kind, int count) {
  std::vector<u32> drawn(static_cast<std::size_t>(count));
  for (u32& choice : drawn) choice = chooser.pick(kind, 1, 1000);
  return drawn;
}

// The numbers themselves are the contract: a changed generator changes every seed ever reported.
TEST(Chooser, TheSameSeedIsTheSameRunForEver) {
  Chooser chooser(7);
  EXPECT_EQ(draw(chooser, ChoiceKind::Schedule, 6),
            (std::vector<u32>{125, 440, 601, 694, 620, 569}));
}

TEST(Chooser, SeedsAndSitesDiffer) {
  Chooser a(1);
  Chooser b(2);
  EXPECT_NE(draw(a, ChoiceKind::Generate, 20), draw(b, ChoiceKind::Generate, 20));
  Chooser c(1);
  Chooser d(1);
  std::set<u32> equal;
  for (u64 site = 0; site < 20; ++site) {
    equal.insert(c.pick(ChoiceKind::Fault, 3, 1U << 31) ==
                 d.pick(ChoiceKind::Fault, site, 1U << 31));
  }
  EXPECT_TRUE(equal.contains(0)) << "the site does not enter the choice";
}

TEST(Chooser, OneKindDoesNotShiftAnother) {
  Chooser quiet(9);
  Chooser busy(9);
  draw(busy, ChoiceKind::Fault, 50);
  EXPECT_EQ(draw(quiet, ChoiceKind::Schedule, 10), draw(busy, ChoiceKind::Schedule, 10));
}

TEST(Chooser, PrescribedChoicesComeFirstAndWrap) {
  Chooser chooser(3);
  const std::vector<u32> prescribed{5, 1003};
  chooser.prescribe(ChoiceKind::Crash, prescribed);
  EXPECT_EQ(chooser.pick(ChoiceKind::Crash, 0, 1000), 5U);
  EXPECT_EQ(chooser.pick(ChoiceKind::Crash, 0, 1000), 3U);
  const u32 third = chooser.pick(ChoiceKind::Crash, 0, 1000);
  Chooser replayed(99);
  replayed.prescribe(ChoiceKind::Crash, chooser.taken(ChoiceKind::Crash));
  draw(replayed, ChoiceKind::Crash, 2);
  EXPECT_EQ(replayed.pick(ChoiceKind::Crash, 0, 1000), third);
}

TEST(Chooser, StaysInRangeAndReachesBothEnds) {
  Chooser chooser(4);
  std::set<u32> seen;
  for (int i = 0; i < 400; ++i) seen.insert(chooser.pick(ChoiceKind::Generate, 0, 7));
  EXPECT_EQ(seen, (std::set<u32>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(Chooser, ARestartedOneIsANewOne) {
  Chooser used(1);
  const std::vector<u32> prescribed{3, 2, 1};
  used.prescribe(ChoiceKind::Crash, prescribed);
  for (u64 site = 0; site < 10; ++site) used.pick(ChoiceKind::Crash, site, 100);
  used.restart(9);
  Chooser fresh(9);
  for (u64 site = 0; site < 50; ++site) {
    for (const ChoiceKind kind : {ChoiceKind::Schedule, ChoiceKind::Crash}) {
      EXPECT_EQ(used.pick(kind, site, 1000), fresh.pick(kind, site, 1000));
    }
  }
  EXPECT_EQ(used.taken(ChoiceKind::Crash), fresh.taken(ChoiceKind::Crash));
}

}  // namespace
}  // namespace bioscope
