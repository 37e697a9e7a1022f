// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/completion.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "models/runtime/test_runs.h"
#include "models/runtime/thread.h"

namespace bioscope::rt {
namespace {

TEST(Completion, EachCompleteLetsOneWaitPass) {
  finishes([] {
    Completion completion;
    EXPECT_FALSE(completion.try_wait());
    {
      Thread a("a", [&] { completion.wait(); });
      Thread b("b", [&] { completion.wait(); });
      completion.complete();
      completion.complete();
    }
    EXPECT_FALSE(completion.done());
  });
}

TEST(Completion, CompleteAllHoldsUntilReinit) {
  finishes([] {
    Completion completion;
    std::vector<Thread> waiters;
    for (int i = 0; i < 3; ++i) waiters.emplace_back("waiter", [&] { completion.wait(); });
    completion.complete_all();
    waiters.clear();
    EXPECT_TRUE(completion.try_wait());
    EXPECT_TRUE(completion.done());
    completion.reinit();
    EXPECT_FALSE(completion.done());
  });
}

// The sanitizers say whether complete() touches it afterwards.
TEST(Completion, WaiterMayDestroyItAtOnce) {
  finishes([] {
    auto completion = std::make_unique<Completion>();
    Thread completer("completer", [raw = completion.get()] { raw->complete(); });
    completion->wait();
    completion.reset();
    completer.join();
  });
}

}  // namespace
}  // namespace bioscope::rt
