// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/srcu.h"

#include <gtest/gtest.h>

#include <vector>

#include "models/runtime/atomic.h"
#include "models/runtime/test_runs.h"
#include "models/runtime/thread.h"

namespace bioscope::rt {
namespace {

// What is unpublished and then waited for is not in use any more.
TEST(Srcu, SynchronizeWaitsForReadersOfTheOldPointer) {
  struct Value {
    int use = 1;  // 0: freed. Not atomic: ThreadSanitizer checks the order too
  };
  finishes([] {
    Srcu srcu;
    std::vector<Value> values(3);
    Atomic<Value*> published(values.data());
    std::vector<Thread> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back("reader", [&] {
        for (int round = 0; round < 3; ++round) {
          const int index = srcu.read_lock();
          const Value* value = published.load();
          yield();
          EXPECT_EQ(value->use, 1);
          srcu.read_unlock(index);
        }
      });
    }
    for (std::size_t i = 1; i < values.size(); ++i) {
      Value* old = published.exchange(&values[i]);
      srcu.synchronize();
      old->use = 0;
    }
  });
}

TEST(Srcu, TwoMaySynchronizeAtOnceAndReadersNest) {
  finishes([] {
    Srcu srcu;
    Thread a("a", [&] { srcu.synchronize(); });
    Thread b("b", [&] { srcu.synchronize(); });
    const int outer = srcu.read_lock();
    const int inner = srcu.read_lock();
    srcu.read_unlock(inner);
    srcu.read_unlock(outer);
  });
}

}  // namespace
}  // namespace bioscope::rt
