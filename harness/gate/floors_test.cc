// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/floors.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace bioscope {
namespace {

Marks enough() {
  Marks marks;
  marks.reads = 100;
  marks.reads_binding = 100;
  marks.operations = 100;
  marks.operations_succeeded = 100;
  marks.splits = kLeastSplits;
  marks.copy_outs = kLeastCopyOuts;
  marks.attaches_under_io = kLeastAttachesUnderIo;
  return marks;
}

std::size_t low(const Marks& marks) {
  const auto floors = floors_of(marks);
  return static_cast<std::size_t>(
      std::ranges::count_if(floors, [](const Floor& floor) { return !floor.held(); }));
}

TEST(Floors, EnoughIsEnough) {
  EXPECT_EQ(low(enough()), 0U);
}

TEST(Floors, EachOneCountsByItself) {
  Marks marks = enough();
  marks.reads_binding = kLeastBindingReadsPercent - 1;
  EXPECT_EQ(low(marks), 1U);
  marks = enough();
  marks.operations_succeeded = kLeastSucceededPercent - 1;
  EXPECT_EQ(low(marks), 1U);
  marks = enough();
  --marks.splits;
  EXPECT_EQ(low(marks), 1U);
  marks = enough();
  --marks.copy_outs;
  EXPECT_EQ(low(marks), 1U);
  marks = enough();
  --marks.attaches_under_io;
  EXPECT_EQ(low(marks), 1U);
}

TEST(Floors, ARunOfNothingIsBelowAll) {
  EXPECT_EQ(low(Marks()), 5U);
}

}  // namespace
}  // namespace bioscope
