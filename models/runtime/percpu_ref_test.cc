// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/percpu_ref.h"

#include <gtest/gtest.h>

#include <vector>

#include "models/runtime/test_runs.h"
#include "models/runtime/thread.h"

namespace bioscope::rt {
namespace {

TEST(PercpuRef, NobodyIsInsideAfterTheWaitForZero) {
  finishes([] {
    int released = 0;
    PercpuRef reference("q_usage_counter", [&] { ++released; });
    Atomic<int> inside(0);
    std::vector<Thread> users;
    for (int i = 0; i < 2; ++i) {
      users.emplace_back("user", [&] {
        for (int round = 0; round < 3; ++round) {
          if (!reference.tryget_live()) return;
          inside.fetch_add(1);
          inside.fetch_sub(1);
          reference.put();
        }
      });
    }
    reference.kill();
    reference.wait_for_zero();
    EXPECT_EQ(inside.load(), 0);
    EXPECT_EQ(released, 1);
    EXPECT_FALSE(reference.tryget_live());
    EXPECT_FALSE(reference.tryget());
    users.clear();
    reference.resurrect();
    EXPECT_TRUE(reference.tryget_live());
    reference.put();
    EXPECT_EQ(reference.references(), 1U);
  });
}

TEST(PercpuRef, AReferenceThatIsLeftCanBeSharedThoughNotLive) {
  finishes([] {
    PercpuRef reference;
    reference.get();
    reference.kill();
    EXPECT_TRUE(reference.is_dying());
    EXPECT_FALSE(reference.is_zero());
    EXPECT_FALSE(reference.tryget_live());
    EXPECT_TRUE(reference.tryget());
    reference.put();
    reference.put();
    EXPECT_TRUE(reference.is_zero());
  });
}

TEST(PercpuRef, MisuseFailsTheRun) {
  const Outcome outcome = run({}, [] {
    PercpuRef reference;
    reference.kill();
    reference.put();
  });
  EXPECT_EQ(outcome.end, End::Failed);
  EXPECT_EQ(outcome.message, "percpu_ref: put without a reference");
}

}  // namespace
}  // namespace bioscope::rt
