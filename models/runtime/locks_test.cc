// SPDX-License-Identifier: Apache-2.0
// Mutual exclusion under every lock.
#include <gtest/gtest.h>

#include <mutex>
#include <vector>

#include "models/runtime/atomic.h"
#include "models/runtime/mutex.h"
#include "models/runtime/percpu_rw_semaphore.h"
#include "models/runtime/rw_semaphore.h"
#include "models/runtime/test_runs.h"
#include "models/runtime/thread.h"

namespace bioscope::rt {
namespace {

constexpr int kThreads = 3;
constexpr int kRounds = 4;

// Notices when a writer is inside with anybody else. Not atomic: a lock has to protect it, and
// ThreadSanitizer says whether it does.
struct Shared {
  int writers = 0;
  int value = 0;
};

template <typename Body>
void in_threads(int threads, Body body) {
  std::vector<Thread> all;
  for (int i = 0; i < threads; ++i) all.emplace_back("lane", [i, &body] { body(i); });
}

TEST(Locks, MutexExcludes) {
  finishes([] {
    Mutex mutex;
    Shared shared;
    in_threads(kThreads, [&](int) {
      for (int i = 0; i < kRounds; ++i) {
        const std::lock_guard guard(mutex);
        const int before = shared.value;
        yield();
        shared.value = before + 1;
      }
    });
    EXPECT_EQ(shared.value, kThreads * kRounds);
  });
}

TEST(Locks, TryLockFailsWhileHeldAndExcludes) {
  finishes([] {
    Mutex mutex;
    Shared shared;
    mutex.lock();
    Thread other("other", [&] { EXPECT_FALSE(mutex.try_lock()); });
    other.join();
    mutex.unlock();
    int taken = 0;
    in_threads(kThreads, [&](int) {
      if (!mutex.try_lock()) return;
      EXPECT_EQ(shared.writers++, 0);
      yield();
      EXPECT_EQ(shared.writers--, 1);
      ++taken;
      mutex.unlock();
    });
    EXPECT_GE(taken, 1);
  });
}

template <typename Semaphore>
void readers_and_writers() {
  finishes([] {
    Semaphore semaphore;
    Shared shared;
    in_threads(4, [&](int lane) {
      for (int i = 0; i < kRounds; ++i) {
        if (lane < 2) {
          const ReadGuard guard(semaphore);
          const int before = shared.value;
          yield();
          EXPECT_EQ(shared.value, before);
        } else {
          const WriteGuard guard(semaphore);
          EXPECT_EQ(shared.writers++, 0);
          ++shared.value;
          yield();
          EXPECT_EQ(shared.writers--, 1);
        }
      }
    });
    EXPECT_EQ(shared.value, 2 * kRounds);
  });
}

TEST(Locks, RwSemaphoreExcludesWriters) {
  readers_and_writers<RwSemaphore>();
}

TEST(Locks, PercpuRwSemaphoreExcludesWriters) {
  readers_and_writers<PercpuRwSemaphore>();
}

template <typename Semaphore>
void two_readers_at_once() {
  finishes([] {
    Semaphore semaphore;
    const ReadGuard outer(semaphore);
    Thread other("other", [&] {
      const ReadGuard guard(semaphore);
      EXPECT_TRUE(semaphore.down_read_trylock());
      semaphore.up_read();
    });
    other.join();
  });
}

TEST(Locks, ReadersShareARwSemaphore) {
  two_readers_at_once<RwSemaphore>();
}

TEST(Locks, ReadersShareAPercpuRwSemaphore) {
  two_readers_at_once<PercpuRwSemaphore>();
}

TEST(Locks, RwSemaphoreTryLocksTellWhatIsHeld) {
  finishes([] {
    RwSemaphore semaphore;
    ASSERT_TRUE(semaphore.down_write_trylock());
    Thread("other", [&] {
      EXPECT_FALSE(semaphore.down_read_trylock());
      EXPECT_FALSE(semaphore.down_write_trylock());
    }).join();
    semaphore.downgrade_write();
    Thread("other", [&] {
      EXPECT_TRUE(semaphore.down_read_trylock());
      EXPECT_FALSE(semaphore.down_write_trylock());
      semaphore.up_read();
    }).join();
    semaphore.up_read();
    EXPECT_TRUE(semaphore.down_write_trylock());
    semaphore.up_write();
  });
}

TEST(Locks, PercpuTryLockFailsWhileAWriterIsInside) {
  finishes([] {
    PercpuRwSemaphore semaphore;
    semaphore.down_write();
    Thread("other", [&] { EXPECT_FALSE(semaphore.down_read_trylock()); }).join();
    semaphore.up_write();
    EXPECT_TRUE(semaphore.down_read_trylock());
    semaphore.up_read();
  });
}

// The property that D-d hangs on: the writer blocks new readers while it waits for old ones.
TEST(Locks, PercpuTryLockFailsWhileAWriterDrains) {
  finishes([] {
    PercpuRwSemaphore semaphore;
    semaphore.down_read();
    Thread writer("writer", [&] { const WriteGuard guard(semaphore); });
    while (semaphore.down_read_trylock()) {
      semaphore.up_read();
      yield();
    }
    semaphore.up_read();
    writer.join();
  });
}

TEST(Locks, PercpuReadSideMayBeReleasedByAnotherThread) {
  finishes([] {
    PercpuRwSemaphore semaphore;
    semaphore.down_read();
    Thread("other", [&] { semaphore.up_read(); }).join();
    const WriteGuard guard(semaphore);
  });
}

}  // namespace
}  // namespace bioscope::rt
