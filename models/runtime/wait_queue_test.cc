// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/wait_queue.h"

#include <gtest/gtest.h>

#include <mutex>
#include <vector>

#include "models/runtime/atomic.h"
#include "models/runtime/test_runs.h"
#include "models/runtime/thread.h"

namespace bioscope::rt {
namespace {

TEST(WaitQueue, WaitEventSeesWhatWasMadeTrueBeforeTheWakeUp) {
  finishes([] {
    WaitQueue queue;
    Atomic<bool> ready(false);
    int payload = 0;
    Thread waiter("waiter", [&] {
      queue.wait_event([&] { return ready.load(); });
      EXPECT_EQ(payload, 7);
    });
    payload = 7;
    ready.store(true);
    queue.wake_up();
    waiter.join();
  });
}

TEST(WaitQueue, WakeUpReachesAllThatAreNotExclusive) {
  finishes([] {
    WaitQueue queue;
    Atomic<bool> ready(false);
    std::vector<Thread> waiters;
    for (int i = 0; i < 3; ++i) {
      waiters.emplace_back("waiter", [&] { queue.wait_event([&] { return ready.load(); }); });
    }
    ready.store(true);
    queue.wake_up();
  });
}

TEST(WaitQueue, ExclusiveWaitersTakeTurns) {
  finishes([] {
    WaitQueue queue;
    Atomic<int> tokens(0);
    std::vector<Thread> waiters;
    for (int i = 0; i < 2; ++i) {
      waiters.emplace_back("waiter", [&] {
        queue.wait_event_exclusive([&] {
          return tokens.fetch_update([](int count) { return count > 0 ? count - 1 : 0; }) > 0;
        });
      });
    }
    for (int i = 0; i < 2; ++i) {
      tokens.fetch_add(1);
      queue.wake_up();
    }
    queue.wake_up_all();
  });
}

TEST(WaitQueue, WakeUpBetweenPrepareAndScheduleIsNotLost) {
  finishes([] {
    WaitQueue queue;
    WaitEntry entry;
    queue.prepare_to_wait(entry);
    queue.wake_up();
    EXPECT_TRUE(queue.schedule(entry));
    queue.finish_wait(entry);
  });
}

TEST(WaitQueue, SignalInterruptsOnlyAnInterruptibleWait) {
  finishes([] {
    WaitQueue queue;
    Atomic<bool> never(false);
    Atomic<bool> ready(false);
    Thread interrupted("interrupted", [&] {
      EXPECT_FALSE(queue.wait_event_interruptible([&] { return never.load(); }));
    });
    interrupted.signal();
    interrupted.join();
    Thread patient("patient", [&] {
      queue.wait_event([&] { return ready.load(); });
      EXPECT_TRUE(ready.load());
    });
    patient.signal();
    ready.store(true);
    queue.wake_up();
  });
}

TEST(WaitQueue, ATrueConditionIsNotInterrupted) {
  finishes([] {
    WaitQueue queue;
    EXPECT_TRUE(queue.wait_event_interruptible([] { return true; }));
  });
}

TEST(WaitQueue, WaitEventLockedHoldsTheMutexOverTheCondition) {
  finishes([] {
    WaitQueue queue;
    Mutex mutex;
    int items = 0;
    Thread consumer("consumer", [&] {
      const std::lock_guard guard(mutex);
      for (int i = 0; i < 3; ++i) {
        queue.wait_event_locked(mutex, [&] { return items > 0; });
        --items;
      }
    });
    for (int i = 0; i < 3; ++i) {
      {
        const std::lock_guard guard(mutex);
        ++items;
      }
      queue.wake_up();
    }
    consumer.join();
    EXPECT_EQ(items, 0);
  });
}

}  // namespace
}  // namespace bioscope::rt
