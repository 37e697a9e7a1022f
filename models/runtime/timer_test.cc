// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/timer.h"

#include <gtest/gtest.h>

#include "models/runtime/clock.h"
#include "models/runtime/completion.h"
#include "models/runtime/test_runs.h"

namespace bioscope::rt {
namespace {

TEST(Timer, FiresAtItsTime) {
  finishes([] {
    Completion fired;
    u64 fired_ms = 0;
    Timer timer([&] {
      fired_ms = now_ms();
      fired.complete();
    });
    const u64 expires_ms = now_ms() + 2;
    EXPECT_FALSE(timer.modify(expires_ms));
    fired.wait();
    EXPECT_GE(fired_ms, expires_ms);
    EXPECT_FALSE(timer.del_sync());
  });
}

TEST(Timer, DeletedTimerDoesNotFire) {
  finishes([] {
    int fired = 0;
    Timer timer([&] { ++fired; });
    timer.modify(now_ms() + 1'000'000);
    EXPECT_TRUE(timer.modify(now_ms() + 2'000'000));
    EXPECT_TRUE(timer.del_sync());
    EXPECT_EQ(fired, 0);
  });
}

TEST(Timer, SleepTakesAtLeastItsTime) {
  finishes([] {
    const u64 before_ms = now_ms();
    sleep_ms(1);
    EXPECT_GE(now_ms(), before_ms + 1);
  });
}

}  // namespace
}  // namespace bioscope::rt
