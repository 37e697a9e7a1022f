// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/work_list.h"

#include <gtest/gtest.h>

namespace bioscope::rt {
namespace {

TEST(WorkList, StartsInOrderUpToTheLimit) {
  WorkList list(2);
  Work a([] {});
  Work b([] {});
  Work c([] {});
  EXPECT_TRUE(list.queue(a));
  EXPECT_TRUE(list.queue(b));
  EXPECT_TRUE(list.queue(c));
  EXPECT_FALSE(list.queue(c));
  EXPECT_EQ(list.takeable(), 2U);
  EXPECT_EQ(list.take(), &a);
  EXPECT_EQ(list.take(), &b);
  EXPECT_EQ(list.take(), nullptr);
  list.finish(&b);
  EXPECT_EQ(list.take(), &c);
}

TEST(WorkList, AWorkNeverRunsTwiceAtOnce) {
  WorkList list(2);
  Work a([] {});
  list.queue(a);
  EXPECT_EQ(list.take(), &a);
  EXPECT_TRUE(list.queue(a));
  EXPECT_EQ(list.takeable(), 0U);
  EXPECT_EQ(list.take(), nullptr);
  list.finish(&a);
  EXPECT_EQ(list.take(), &a);
}

TEST(WorkList, FlushCountsWhatWasQueuedBefore) {
  WorkList list(1);
  Work a([] {});
  Work b([] {});
  list.queue(a);
  const u64 number = list.last_number();
  list.queue(b);
  EXPECT_FALSE(list.finished_up_to(number));
  list.take();
  EXPECT_FALSE(list.finished_up_to(number));
  list.finish(&a);
  EXPECT_TRUE(list.finished_up_to(number));
  EXPECT_FALSE(list.idle());
  EXPECT_TRUE(list.remove(b));
  EXPECT_TRUE(list.idle());
}

}  // namespace
}  // namespace bioscope::rt
