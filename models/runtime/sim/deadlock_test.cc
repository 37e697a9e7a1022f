// SPDX-License-Identifier: Apache-2.0
// The detector must find these, and must not report those.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <vector>

#include "models/runtime/atomic.h"
#include "models/runtime/clock.h"
#include "models/runtime/mutex.h"
#include "models/runtime/percpu_rw_semaphore.h"
#include "models/runtime/rw_semaphore.h"
#include "models/runtime/sim/test_search.h"
#include "models/runtime/srcu.h"
#include "models/runtime/thread.h"
#include "models/runtime/timer.h"
#include "models/runtime/wait_queue.h"
#include "models/runtime/workqueue.h"

namespace bioscope::rt::sim {
namespace {

constexpr u64 kRuns = 500;

void lock_in_order(Mutex& first, Mutex& second) {
  const std::lock_guard outer(first);
  const std::lock_guard inner(second);
}

TEST(Deadlock, CycleOfTwoMutexesIsFoundWithWhoWaitsForWhom) {
  const auto outcome = search(
      [] {
        Mutex a("a");
        Mutex b("b");
        Thread one("one", [&] { lock_in_order(a, b); });
        Thread two("two", [&] { lock_in_order(b, a); });
      },
      kRuns);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->end, End::Deadlock);
  EXPECT_THAT(outcome->cycle, testing::UnorderedElementsAre(2, 3));
  ASSERT_EQ(outcome->waiting.size(), 3U);  // main joins
  EXPECT_EQ(outcome->waiting[0].action, "join");
  EXPECT_EQ(outcome->waiting[1].action, "lock");
  EXPECT_THAT(outcome->waiting[1].object, testing::StartsWith("b#"));
  EXPECT_THAT(outcome->waiting[1].holders, testing::ElementsAre(3));
  EXPECT_THAT(outcome->waiting[2].object, testing::StartsWith("a#"));
  EXPECT_THAT(outcome->waiting[2].holders, testing::ElementsAre(2));
  EXPECT_THAT(describe(*outcome), testing::HasSubstr("cycle: "));
  EXPECT_FALSE(outcome->lost_wake_up());
}

TEST(Deadlock, SameOrderIsNotReported) {
  EXPECT_FALSE(search(
                   [] {
                     Mutex a("a");
                     Mutex b("b");
                     Thread one("one", [&] { lock_in_order(a, b); });
                     Thread two("two", [&] { lock_in_order(a, b); });
                   },
                   kRuns)
                   .has_value());
}

TEST(Deadlock, LockingTwiceIsFound) {
  const auto outcome = search(
      [] {
        Mutex mutex("m");
        mutex.lock();
        mutex.lock();
      },
      1);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->end, End::Deadlock);
  EXPECT_THAT(outcome->cycle, testing::ElementsAre(1));
}

// A reader that reads again while a writer has come between: D-d's pattern.
template <typename Semaphore>
void recursive_read_with_writer() {
  Semaphore semaphore;
  Thread reader("reader", [&] {
    const ReadGuard outer(semaphore);
    const ReadGuard inner(semaphore);
  });
  Thread writer("writer", [&] { const WriteGuard guard(semaphore); });
}

TEST(Deadlock, RecursiveReadWithAWriterBetweenIsFound) {
  for (const auto& program :
       {&recursive_read_with_writer<RwSemaphore>, &recursive_read_with_writer<PercpuRwSemaphore>}) {
    const auto outcome = search(program, kRuns);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->end, End::Deadlock);
    EXPECT_THAT(outcome->cycle, testing::Contains(2));
  }
}

TEST(Deadlock, SynchronizeWithinAReadSectionIsFound) {
  const auto outcome = search(
      [] {
        Srcu srcu;
        const int index = srcu.read_lock();
        srcu.synchronize();
        srcu.read_unlock(index);
      },
      1);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(outcome->cycle, testing::ElementsAre(1));
}

TEST(Deadlock, FlushFromAWorkOfTheSameQueueIsFound) {
  const auto outcome = search(
      [] {
        Workqueue queue("events");
        Work work([&] { queue.flush(); });
        queue.queue(work);
        queue.flush();
      },
      1);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->end, End::Deadlock);
  EXPECT_EQ(outcome->cycle.size(), 1U);
}

void wait_for_flag(bool wake, bool wake_after_the_change) {
  WaitQueue queue("pending");
  Atomic<bool> ready(false);
  Thread waiter("waiter", [&] { queue.wait_event([&] { return ready.load(); }); });
  if (wake && !wake_after_the_change) queue.wake_up();
  ready.store(true);
  if (wake && wake_after_the_change) queue.wake_up();
}

TEST(Deadlock, LostWakeUpIsFoundAndNamed) {
  for (const bool wake : {false, true}) {
    const auto outcome = search([wake] { wait_for_flag(wake, false); }, kRuns);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->end, End::Deadlock);
    EXPECT_TRUE(outcome->lost_wake_up());
    EXPECT_THAT(describe(*outcome), testing::HasSubstr("a lost wake-up"));
  }
}

TEST(Deadlock, WakeUpAfterTheChangeIsNotReported) {
  EXPECT_FALSE(search([] { wait_for_flag(true, true); }, kRuns).has_value());
}

TEST(Deadlock, CheckBeforePrepareLosesTheWakeUp) {
  const auto outcome = search(
      [] {
        WaitQueue queue;
        Atomic<bool> ready(false);
        Thread waiter("waiter", [&] {
          if (ready.load()) return;
          WaitEntry entry;
          queue.prepare_to_wait(entry);
          queue.schedule(entry);
        });
        ready.store(true);
        queue.wake_up();
      },
      kRuns);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->end, End::Deadlock);
}

TEST(Deadlock, AConditionThatStaysFalseIsNoLostWakeUp) {
  const auto outcome = search(
      [] {
        WaitQueue queue;
        Atomic<bool> never(false);
        queue.wait_event([&] { return never.load(); });
      },
      1);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->waiting[0].condition, false);
  EXPECT_FALSE(outcome->lost_wake_up());
}

TEST(Deadlock, AnArmedTimerOrASleeperIsNoDeadlock) {
  EXPECT_FALSE(search(
                   [] {
                     WaitQueue queue;
                     Atomic<bool> ready(false);
                     Timer timer([&] {
                       ready.store(true);
                       queue.wake_up();
                     });
                     timer.modify(now_ms() + 1'000'000'000);
                     Thread sleeper("sleeper", [] { sleep_ms(5'000); });
                     queue.wait_event([&] { return ready.load(); });
                   },
                   kRuns)
                   .has_value());
}

TEST(Deadlock, LivelockReachesTheBoundOfSteps) {
  Options options;
  options.max_steps = 1000;
  const auto outcome = search(
      [] {
        Atomic<bool> never(false);
        Thread spinner("spinner", [&] {
          while (!never.load()) yield();
        });
      },
      1, options);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->end, End::StepBound);
  EXPECT_EQ(outcome->steps, 1000U);
  EXPECT_THAT(describe(*outcome), testing::HasSubstr("spinner#2"));
}

TEST(Deadlock, UnlockByAnotherThreadIsMisuse) {
  const auto outcome = search(
      [] {
        Mutex mutex("m");
        mutex.lock();
        Thread("other", [&] { mutex.unlock(); }).join();
      },
      1);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->end, End::Failed);
  EXPECT_THAT(outcome->message, testing::StartsWith("m: unlocked"));
}

// What the stopped threads own is destroyed (the sanitizers check), and the next run is as new.
TEST(Deadlock, StoppedRunsUnwindAndTheSimulationGoesOn) {
  Simulation simulation(Options{});
  for (u64 seed = 1; seed <= 20; ++seed) {
    Chooser chooser(seed);
    ChooserScheduler scheduler(chooser);
    const Outcome stuck = simulation.run(scheduler, [] {
      std::vector<int> owned(100, 1);
      Mutex mutex("m");
      Workqueue queue("events");
      Work work([&] {
        std::vector<int> owned_by_work(100, 2);
        const std::lock_guard guard(mutex);
      });
      Timer timer([&] { const std::lock_guard guard(mutex); });
      mutex.lock();
      timer.modify(1);
      queue.queue(work);
      Thread other("other", [&] { const std::lock_guard guard(mutex); });
      other.join();
    });
    EXPECT_EQ(stuck.end, End::Deadlock);
    Chooser again(seed);
    ChooserScheduler fresh(again);
    EXPECT_EQ(simulation.run(fresh, [] { Thread("t", [] { yield(); }).join(); }).end,
              End::Finished);
  }
}

}  // namespace
}  // namespace bioscope::rt::sim
