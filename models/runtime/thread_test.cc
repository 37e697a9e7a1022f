// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/thread.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>
#include <vector>

#include "models/runtime/atomic.h"
#include "models/runtime/refcount.h"
#include "models/runtime/test_runs.h"

namespace bioscope::rt {
namespace {

TEST(Thread, JoinWaitsForTheFunction) {
  finishes([] {
    int value = 0;
    Thread thread("lane", [&] {
      yield();
      value = 1;
    });
    EXPECT_TRUE(thread.joinable());
    thread.join();
    EXPECT_FALSE(thread.joinable());
    EXPECT_EQ(value, 1);
  });
}

TEST(Thread, DestructorJoinsAndMoveKeepsTheThread) {
  finishes([] {
    int value = 0;
    {
      Thread thread("lane", [&] { ++value; });
      Thread moved(std::move(thread));
      EXPECT_TRUE(moved.joinable());
    }
    EXPECT_EQ(value, 1);
  });
}

TEST(Thread, NumbersAreDistinctAndMainIsTheFirst) {
  finishes([] {
    EXPECT_EQ(current_thread(), 1U);
    u32 numbers[2] = {};
    {
      Thread a("a", [&] { numbers[0] = current_thread(); });
      Thread b("b", [&] { numbers[1] = current_thread(); });
    }
    EXPECT_EQ(std::set<u32>({1, numbers[0], numbers[1]}).size(), 3U);
  });
}

TEST(Thread, TaskSlotsBelongToTheThread) {
  finishes([] {
    int mine = 0;
    task_slot(0) = &mine;
    Thread other("other", [] {
      int its = 0;
      EXPECT_EQ(task_slot(0), nullptr);
      task_slot(0) = &its;
      yield();
      EXPECT_EQ(task_slot(0), &its);
    });
    yield();
    other.join();
    EXPECT_EQ(task_slot(0), &mine);
    task_slot(0) = nullptr;
  });
}

TEST(Thread, AtomicsCountEveryStep) {
  finishes([] {
    Atomic<u64> counter(0);
    {
      Thread a("a", [&] {
        for (int i = 0; i < 5; ++i) counter.fetch_add(1);
      });
      Thread b("b", [&] {
        for (int i = 0; i < 5; ++i) counter.fetch_update([](u64 value) { return value + 1; });
      });
    }
    EXPECT_EQ(counter.load(), 10U);
    u64 expected = 9;
    EXPECT_FALSE(counter.compare_exchange(expected, 0));
    EXPECT_EQ(expected, 10U);
    EXPECT_EQ(counter.exchange(3), 10U);
  });
}

TEST(Thread, LastReferenceIsSeenOnce) {
  finishes([] {
    Refcount references(3);
    Atomic<int> last(0);
    {
      std::vector<Thread> threads;
      for (int i = 0; i < 3; ++i) {
        threads.emplace_back("put", [&] {
          if (references.dec_and_test()) last.fetch_add(1);
        });
      }
    }
    EXPECT_EQ(last.load(), 1);
    EXPECT_FALSE(references.inc_not_zero());
  });
}

TEST(Thread, MisuseOfARefcountFailsTheRun) {
  const Outcome outcome = run({}, [] {
    Refcount references(1);
    (void)references.dec_and_test();
    references.inc();
  });
  EXPECT_EQ(outcome.end, End::Failed);
  EXPECT_EQ(outcome.message, "refcount_t: addition on 0; use-after-free");
}

TEST(Thread, TheFirstFailureIsReported) {
  const Outcome outcome = run({}, [] {
    fail("first");
    fail("second");
  });
  EXPECT_EQ(outcome.end, End::Failed);
  EXPECT_EQ(outcome.message, "first");
}

}  // namespace
}  // namespace bioscope::rt
