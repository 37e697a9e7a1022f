// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/sim/scripted_disk.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <set>
#include <vector>

#include "models/runtime/completion.h"
#include "models/runtime/sim/test_search.h"
#include "models/runtime/thread.h"

namespace bioscope::rt::sim {
namespace {

bioscope::Disk small_disk() {
  bioscope::Disk disk;
  disk.name = "d0";
  disk.kind = DiskKind::Controlled;
  disk.size_sectors = 64;
  disk.cache = CacheMode::Volatile;
  return disk;
}

struct Buffer {
  explicit Buffer(u8 fill = 0) {
    bytes.fill(fill);
    segment = {bytes.data(), bytes.size()};
  }
  DiskIo io(DiskOperation operation, u64 first_sector) {
    DiskIo result;
    result.operation = operation;
    result.first_sector = first_sector;
    result.count_sectors = 1;
    result.segments = {&segment, 1};
    return result;
  }
  std::array<u8, kSectorBytes> bytes;
  iovec segment{};
};

TEST(ScriptedDisk, ReadsWhatWasWritten) {
  EXPECT_FALSE(search(
                   [] {
                     ScriptedDisk disk(small_disk());
                     Buffer written(7);
                     DiskIo write = written.io(DiskOperation::Write, 63);
                     EXPECT_EQ(submit_and_wait(disk, write), 0);
                     Buffer seen;
                     DiskIo read = seen.io(DiskOperation::Read, 63);
                     EXPECT_EQ(submit_and_wait(disk, read), 0);
                     EXPECT_EQ(seen.bytes, written.bytes);
                     DiskIo zero = seen.io(DiskOperation::WriteZeroes, 63);
                     EXPECT_EQ(submit_and_wait(disk, zero), 0);
                     EXPECT_EQ(submit_and_wait(disk, read), 0);
                     EXPECT_EQ(seen.bytes[0], 0);
                     DiskIo outside = seen.io(DiskOperation::Read, 64);
                     EXPECT_EQ(submit_and_wait(disk, outside), EIO);
                   },
                   20)
                   .has_value());
}

struct Order {
  std::vector<int> done;
  int count = 0;
  Completion all{"all"};
};

struct Tagged {
  DiskIo io;
  Order* order = nullptr;
  int number = 0;
};

TEST(ScriptedDisk, RequestsCompleteInEveryOrder) {
  std::set<std::vector<int>> orders;
  EXPECT_FALSE(search(
                   [&] {
                     ScriptedDisk disk(small_disk());
                     Order order;
                     std::array<Tagged, 3> requests;
                     std::array<Buffer, 3> buffers;
                     for (std::size_t i = 0; i < requests.size(); ++i) {
                       Tagged& each = requests[i];
                       each.io = buffers[i].io(DiskOperation::Read, i);
                       each.order = &order;
                       each.number = static_cast<int>(i);
                       each.io.context = &each;
                       each.io.done = [](DiskIo& io, int error) {
                         const auto& tagged = *static_cast<Tagged*>(io.context);
                         EXPECT_EQ(error, 0);
                         tagged.order->done.push_back(tagged.number);
                         if (++tagged.order->count == 3) tagged.order->all.complete();
                       };
                       disk.submit(each.io);
                     }
                     order.all.wait();
                     orders.insert(order.done);
                   },
                   300)
                   .has_value());
  EXPECT_EQ(orders.size(), 6U);
}

DiskStep step(DiskStepKind kind, int error = 0) {
  DiskStep result;
  result.kind = kind;
  result.request = DiskRequest::Write;
  result.error = error;
  return result;
}

TEST(ScriptedDisk, HeldRequestWaitsForItsReleaseAndAFailedOneFails) {
  EXPECT_FALSE(search(
                   [] {
                     int held = 0;
                     Completion arrived("arrived");
                     ScriptedDisk disk(small_disk(), [&](const DiskNotice& notice) {
                       if (notice.kind != EventKind::Held) return;
                       ++held;
                       arrived.complete();
                     });
                     disk.arm(0, step(DiskStepKind::Hold));
                     Thread releaser("releaser", [&] {
                       arrived.wait();
                       EXPECT_EQ(disk.controlled().held_requests(), 1U);
                       disk.release(0);
                     });
                     Buffer buffer(1);
                     DiskIo write = buffer.io(DiskOperation::Write, 0);
                     EXPECT_EQ(submit_and_wait(disk, write), 0);
                     EXPECT_EQ(held, 1);
                     disk.arm(1, step(DiskStepKind::Fail, ENOSPC));
                     EXPECT_EQ(submit_and_wait(disk, write), ENOSPC);
                   },
                   100)
                   .has_value());
}

TEST(ScriptedDisk, AHoldWithoutReleaseIsADeadlock) {
  const auto outcome = search(
      [] {
        ScriptedDisk disk(small_disk());
        disk.arm(0, step(DiskStepKind::Hold));
        Buffer buffer(1);
        DiskIo write = buffer.io(DiskOperation::Write, 0);
        submit_and_wait(disk, write);
      },
      1);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->end, End::Deadlock);
  EXPECT_EQ(outcome->waiting[0].action, "wait_for_completion");
}

}  // namespace
}  // namespace bioscope::rt::sim
