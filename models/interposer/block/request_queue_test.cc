// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/request_queue.h"

#include <cerrno>

#include "models/interposer/block/testing/scenario.h"
#include "models/runtime/thread.h"

namespace bioscope::blk {
namespace {

using testing::check;
using testing::check_equal;

SCENARIO(RequestQueue, AFreezeWaitsForThoseInside) {
  RequestQueue queue({});
  rt::Atomic<int> inside(0, "inside");
  std::vector<rt::Thread> users;
  users.reserve(2);
  for (int i = 0; i < 2; ++i) {
    users.emplace_back("user", [&] {
      for (int round = 0; round < 2; ++round) {
        check_equal(queue.enter(false), 0, "enter");
        inside.fetch_add(1);
        inside.fetch_sub(1);
        queue.exit();
      }
    });
  }
  for (int round = 0; round < 2; ++round) {
    queue.freeze();
    check_equal(inside.load(), 0, "users within a frozen queue");
    rt::yield();
    check_equal(inside.load(), 0, "users within a frozen queue");
    queue.unfreeze();
  }
}

SCENARIO(RequestQueue, FreezesNest) {
  RequestQueue queue({});
  rt::Atomic<bool> entered(false, "entered");
  queue.freeze();
  queue.freeze();
  check_equal(queue.freeze_depth(), 2U, "depth");
  rt::Thread user("user", [&] {
    check_equal(queue.enter(false), 0, "enter");
    entered.store(true);
    queue.exit();
  });
  check_equal(queue.enter(true), EAGAIN, "NOWAIT on a frozen queue");
  queue.unfreeze();
  rt::yield();
  check(!entered.load(), "somebody entered at the first unfreeze");
  queue.unfreeze();
  user.join();
  check_equal(queue.enter(true), 0, "NOWAIT afterwards");
  queue.exit();
}

SCENARIO(RequestQueue, TwoThatFreezeAtOnce) {
  RequestQueue queue({});
  rt::Atomic<int> inside(0, "inside");
  {
    std::vector<rt::Thread> tasks;
    tasks.reserve(3);
    for (int i = 0; i < 2; ++i) {
      tasks.emplace_back("freezer", [&] {
        queue.freeze();
        check_equal(inside.load(), 0, "users");
        queue.unfreeze();
      });
    }
    tasks.emplace_back("user", [&] {
      check_equal(queue.enter(false), 0, "enter");
      inside.store(1);
      inside.store(0);
      queue.exit();
    });
  }
  check_equal(queue.freeze_depth(), 0U, "depth");
  check_equal(queue.enter(true), 0, "enter");
  queue.exit();
}

SCENARIO(RequestQueue, ADyingQueueFailsThoseThatWait) {
  RequestQueue queue({});
  queue.freeze();
  rt::Thread user("user", [&] { check_equal(queue.enter(false), EIO, "who waits"); });
  queue.mark_dying();
  queue.drain();
  check_equal(queue.enter(false), EIO, "who comes later");
  check_equal(queue.enter(true), EIO, "with NOWAIT");
  queue.unfreeze();
  check_equal(queue.enter(false), EIO, "after the unfreeze");
}

SCENARIO(RequestQueue, LimitsChangeWhileNobodyIsInside) {
  QueueLimits narrow;
  narrow.max_sectors = 8;
  narrow.nowait = true;
  QueueLimits wide;
  wide.max_sectors = 16;
  wide.max_discard_sectors = 16;
  wide.write_cache = true;
  RequestQueue queue(narrow);
  check(queue.offers_nowait() && !queue.offers_discard() && !queue.has_write_cache(), "narrow");
  rt::Thread user("user", [&] {
    check_equal(queue.enter(false), 0, "enter");
    const u32 before = queue.limits().max_sectors;
    rt::yield();
    check_equal(queue.limits().max_sectors, before, "limits that changed under a user");
    queue.exit();
  });
  queue.set_limits(wide);
  check(!queue.offers_nowait() && queue.offers_discard() && queue.has_write_cache(), "wide");
  check(queue.copy_limits() == wide, "copy_limits");
}

TEST(RequestQueue, AnUnfreezeTooManyFailsTheRun) {
  const rt::Outcome outcome = rt::run({}, [] { RequestQueue({}).unfreeze(); });
  EXPECT_EQ(outcome.message, "unfreeze: the queue is not frozen");
}

}  // namespace
}  // namespace bioscope::blk
