// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/table_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bioscope::reference {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(TableText, CutsLinesIntoWords) {
  const auto lines = parse_table("0 8 linear d0 0;  8 16 error ; ");
  ASSERT_TRUE(lines.has_value());
  ASSERT_EQ(lines->size(), 2U);
  EXPECT_EQ((*lines)[0].count_sectors, 8U);
  EXPECT_EQ((*lines)[0].type, "linear");
  EXPECT_THAT((*lines)[0].words, ElementsAre("d0", "0"));
  EXPECT_EQ((*lines)[1].begin_sector, 8U);
  EXPECT_THAT((*lines)[1].words, IsEmpty());
}

TEST(TableText, AnEmptyTableHasNoLines) {
  const auto lines = parse_table("");
  ASSERT_TRUE(lines.has_value());
  EXPECT_THAT(*lines, IsEmpty());
}

TEST(TableText, RefusesALineWithoutNumbersOrType) {
  EXPECT_FALSE(parse_table("0 x linear d0 0").has_value());
  EXPECT_FALSE(parse_table("0 8").has_value());
  EXPECT_FALSE(parse_table("-1 8 linear d0 0").has_value());
  EXPECT_FALSE(parse_table("0 99999999999999999999 linear d0 0").has_value());
}

}  // namespace
}  // namespace bioscope::reference
