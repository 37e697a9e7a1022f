// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/workqueue.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "models/runtime/atomic.h"
#include "models/runtime/delayed_work.h"
#include "models/runtime/test_runs.h"
#include "models/runtime/thread.h"

namespace bioscope::rt {
namespace {

TEST(Workqueue, OrderedRunsOneAfterAnotherInOrder) {
  finishes([] {
    Workqueue queue("kcopyd", kOrdered);
    std::vector<int> order;
    std::vector<std::unique_ptr<Work>> works;
    for (int i = 0; i < 4; ++i) {
      works.push_back(std::make_unique<Work>([&order, i] {
        yield();
        order.push_back(i);
      }));
      queue.queue(*works.back());
    }
    queue.flush();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
  });
}

TEST(Workqueue, UnorderedRunsEachOnce) {
  finishes([] {
    Workqueue queue("events", 2);
    Atomic<int> runs(0);
    Work a([&] { runs.fetch_add(1); });
    Work b([&] { runs.fetch_add(1); });
    queue.queue(a);
    queue.queue(b);
    queue.drain();
    EXPECT_EQ(runs.load(), 2);
  });
}

TEST(Workqueue, DrainWaitsForWorksThatWorksQueue) {
  finishes([] {
    Workqueue queue("events");
    Atomic<int> runs(0);
    Work second([&] { runs.fetch_add(1); });
    Work first([&] { queue.queue(second); });
    queue.queue(first);
    queue.drain();
    EXPECT_EQ(runs.load(), 1);
  });
}

TEST(Workqueue, DestructorDrains) {
  finishes([] {
    Atomic<int> runs(0);
    Work work([&] { runs.fetch_add(1); });
    {
      Workqueue queue("events");
      queue.queue(work);
    }
    EXPECT_EQ(runs.load(), 1);
  });
}

TEST(Workqueue, CancelledWorkIsNotRunningAndDidRunOrNot) {
  finishes([] {
    Workqueue queue("events");
    Atomic<int> runs(0);
    Atomic<int> inside(0);
    Work work([&] {
      inside.store(1);
      runs.fetch_add(1);
      inside.store(0);
    });
    queue.queue(work);
    const bool pending = queue.cancel_work_sync(work);
    EXPECT_EQ(inside.load(), 0);
    EXPECT_EQ(runs.load(), pending ? 0 : 1);
    queue.queue(work);
    queue.flush_work(work);
    EXPECT_EQ(runs.load(), pending ? 1 : 2);
  });
}

TEST(Workqueue, DelayedWorkRunsAfterItsDelayUnlessCancelled) {
  finishes([] {
    Workqueue queue("events");
    Atomic<int> runs(0);
    DelayedWork work(queue, [&] { runs.fetch_add(1); });
    work.queue(1);
    const bool pending = work.cancel_sync();
    EXPECT_EQ(runs.load(), pending ? 0 : 1);
    work.queue(1'000'000);
    work.flush();
    EXPECT_EQ(runs.load(), pending ? 1 : 2);
    work.queue(1'000'000);
    EXPECT_TRUE(work.cancel_sync());
  });
}

}  // namespace
}  // namespace bioscope::rt
