// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/paged_disk.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <vector>

#include "models/base/chooser.h"
#include "models/runtime/memory_disk.h"
#include "models/runtime/run.h"

namespace bioscope::reference {
namespace {

constexpr u64 kSectors = 512;

int transfer(rt::Disk& disk, rt::DiskOperation operation, u64 first, std::span<u8> bytes,
             u64 count) {
  const iovec segment{bytes.data(), bytes.size()};
  rt::DiskIo io;
  io.operation = operation;
  io.first_sector = first;
  io.count_sectors = count;
  if (!bytes.empty()) io.segments = std::span(&segment, 1);
  return rt::submit_and_wait(disk, io);
}

std::vector<u8> read(rt::Disk& disk, u64 first, u64 count) {
  std::vector<u8> bytes(count * kSectorBytes, 0xee);
  EXPECT_EQ(transfer(disk, rt::DiskOperation::Read, first, bytes, count), 0);
  return bytes;
}

void in_run(std::function<void()> program) {
  const rt::Outcome outcome = rt::run({}, std::move(program));
  EXPECT_EQ(outcome.end, rt::End::Finished) << rt::describe(outcome);
}

TEST(PagedDisk, HoldsWhatAMemoryDiskHolds) {
  PagePool pool;
  in_run([&] {
    Chooser chooser(7);
    const auto pick = [&](u32 n) { return chooser.pick(ChoiceKind::Generate, 0, n); };
    PagedDisk paged(pool, kSectors);
    rt::MemoryDisk memory(kSectors);
    for (int step = 0; step < 400; ++step) {
      const u64 first = pick(kSectors);
      const u64 count = 1 + pick(static_cast<u32>(kSectors - first));
      if (pick(4) == 0) {
        ASSERT_EQ(transfer(paged, rt::DiskOperation::Discard, first, {}, count), 0);
        ASSERT_EQ(transfer(memory, rt::DiskOperation::Discard, first, {}, count), 0);
      } else {
        std::vector<u8> bytes(count * kSectorBytes, static_cast<u8>(step));
        ASSERT_EQ(transfer(paged, rt::DiskOperation::Write, first, bytes, count), 0);
        ASSERT_EQ(transfer(memory, rt::DiskOperation::Write, first, bytes, count), 0);
      }
      const u64 from = pick(kSectors);
      const u64 length = 1 + pick(static_cast<u32>(kSectors - from));
      ASSERT_EQ(read(paged, from, length), read(memory, from, length)) << "after step " << step;
    }
  });
}

// Pages come back with what the last disk left in them.
TEST(PagedDisk, IsEmptyAtFirstWhateverThePagesHeld) {
  PagePool pool;
  in_run([&] {
    std::vector<u8> ones(kSectors * kSectorBytes, 1);
    {
      PagedDisk first(pool, kSectors);
      ASSERT_EQ(transfer(first, rt::DiskOperation::Write, 0, ones, kSectors), 0);
    }
    PagedDisk second(pool, kSectors);
    std::vector<u8> two(kSectorBytes, 2);
    ASSERT_EQ(transfer(second, rt::DiskOperation::Write, 9, two, 1), 0);
    std::vector<u8> expected(kSectors * kSectorBytes, 0);
    std::fill_n(expected.begin() + 9 * kSectorBytes, kSectorBytes, u8{2});
    EXPECT_EQ(read(second, 0, kSectors), expected);
  });
}

TEST(PagedDisk, IsAsLargeAsItWasTold) {
  constexpr u64 kHuge = 1ULL << 55;
  PagePool pool;
  in_run([&] {
    PagedDisk disk(pool, kHuge);
    std::vector<u8> bytes(kSectorBytes, 3);
    EXPECT_EQ(transfer(disk, rt::DiskOperation::Write, kHuge - 1, bytes, 1), 0);
    EXPECT_EQ(read(disk, kHuge - 1, 1), bytes);
    EXPECT_EQ(transfer(disk, rt::DiskOperation::Write, kHuge, bytes, 1), EIO);
    EXPECT_EQ(transfer(disk, rt::DiskOperation::Discard, 0, {}, kHuge), 0);
    EXPECT_EQ(read(disk, kHuge - 1, 1), std::vector<u8>(kSectorBytes, 0));
    ASSERT_EQ(transfer(disk, rt::DiskOperation::Write, 7, bytes, 1), 0);
    ASSERT_EQ(transfer(disk, rt::DiskOperation::Write, 8, bytes, 1), 0);
    disk.resize(8);
    EXPECT_EQ(transfer(disk, rt::DiskOperation::Write, 8, bytes, 1), EIO);
    disk.resize(kHuge);
    EXPECT_EQ(read(disk, 7, 1), bytes);
    EXPECT_EQ(read(disk, 8, 1), std::vector<u8>(kSectorBytes, 0));
  });
}

}  // namespace
}  // namespace bioscope::reference
