// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/exception_table.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <limits>
#include <map>

#include "models/base/chooser.h"

namespace bioscope::dm {
namespace {

TEST(ExceptionTable, FindsWhatWasInserted) {
  ExceptionTable table;
  EXPECT_FALSE(table.find(5));
  table.insert({5, 20});
  EXPECT_EQ(table.find(5), 20U);
  EXPECT_FALSE(table.find(4));
  EXPECT_FALSE(table.find(6));
  EXPECT_EQ(table.count(), 1U);
}

TEST(ExceptionTable, JoinsConsecutiveChunksAtBothEnds) {
  ExceptionTable table;
  table.insert({5, 20});
  table.insert({6, 21});
  table.insert({4, 19});
  EXPECT_EQ(table.runs(), 1U);
  EXPECT_EQ(table.find(4), 19U);
  EXPECT_EQ(table.find(6), 21U);
  table.insert({7, 30});  // next to it, but its copy is elsewhere
  EXPECT_EQ(table.runs(), 2U);
  EXPECT_EQ(table.find(7), 30U);
  EXPECT_EQ(table.count(), 4U);
}

TEST(ExceptionTable, AChunkKeepsItsFirstPlace) {
  ExceptionTable table;
  table.insert({5, 20});
  table.insert({6, 21});
  table.insert({6, 40});
  table.insert({5, 41});
  EXPECT_EQ(table.find(5), 20U);
  EXPECT_EQ(table.find(6), 21U);
  EXPECT_EQ(table.count(), 2U);
}

TEST(ExceptionTable, RemovesAtTheEndsOfARunOnly) {
  ExceptionTable table;
  for (u64 i = 0; i < 4; ++i) table.insert({10 + i, 50 + i});
  EXPECT_EQ(table.remove(11), EINVAL);
  EXPECT_EQ(table.remove(9), EINVAL);
  EXPECT_EQ(table.remove(13), 0);
  EXPECT_EQ(table.remove(10), 0);
  EXPECT_FALSE(table.find(10));
  EXPECT_EQ(table.find(11), 51U);
  EXPECT_EQ(table.find(12), 52U);
  EXPECT_FALSE(table.find(13));
  EXPECT_EQ(table.remove(12), 0);
  EXPECT_EQ(table.remove(11), 0);
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.remove(11), EINVAL);
}

TEST(ExceptionTable, ChunkNumbersAtTheEndOfTheirRange) {
  constexpr u64 kLast = std::numeric_limits<u64>::max();
  ExceptionTable table;
  table.insert({kLast, 7});
  table.insert({0, 8});
  EXPECT_EQ(table.find(kLast), 7U);
  EXPECT_EQ(table.find(0), 8U);
  EXPECT_EQ(table.runs(), 2U);
  EXPECT_EQ(table.remove(kLast), 0);
  EXPECT_EQ(table.find(0), 8U);
}

TEST(ExceptionTable, AgreesWithAPlainMap) {
  for (u64 seed = 1; seed <= 200; ++seed) {
    Chooser chooser(seed);
    ExceptionTable table;
    std::map<u64, u64> plain;
    u64 next_new = 2;
    for (int step = 0; step < 200; ++step) {
      const u64 chunk = chooser.pick(ChoiceKind::Generate, 0, 40);
      if (chooser.chance(ChoiceKind::Generate, 1, 70)) {
        if (chooser.chance(ChoiceKind::Generate, 2, 20)) ++next_new;
        table.insert({chunk, next_new});
        if (plain.emplace(chunk, next_new).second) ++next_new;
      } else if (table.remove(chunk) == 0) {
        EXPECT_EQ(plain.erase(chunk), 1U);
      } else if (plain.contains(chunk)) {  // within a run
        EXPECT_EQ(plain.count(chunk - 1), 1U);
        EXPECT_EQ(plain.count(chunk + 1), 1U);
      }
      ASSERT_EQ(table.count(), plain.size());
      for (u64 each = 0; each < 41; ++each) {
        const auto found = plain.find(each);
        ASSERT_EQ(table.find(each),
                  found == plain.end() ? std::nullopt : std::optional(found->second))
            << "seed " << seed << " step " << step << " chunk " << each;
      }
    }
  }
}

}  // namespace
}  // namespace bioscope::dm
