// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/memory_disk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "models/runtime/test_runs.h"

namespace bioscope::rt {
namespace {

int transfer(Disk& disk, DiskOperation operation, u64 first_sector, std::span<u8> bytes) {
  // In two segments, of which neither is whole sectors.
  const std::size_t cut = std::min<std::size_t>(bytes.size(), 100);
  const std::array<iovec, 2> segments{
      {{bytes.data(), cut}, {bytes.data() + cut, bytes.size() - cut}}};
  DiskIo io;
  io.operation = operation;
  io.first_sector = first_sector;
  io.count_sectors = bytes.size() / kSectorBytes;
  io.segments = segments;
  return submit_and_wait(disk, io);
}

TEST(MemoryDisk, ReadsWhatWasWrittenAndZeroesElsewhere) {
  finishes([] {
    MemoryDisk disk(16);
    std::array<u8, 2 * kSectorBytes> written{};
    for (std::size_t i = 0; i < written.size(); ++i) written[i] = static_cast<u8>(i * 7 + 1);
    EXPECT_EQ(transfer(disk, DiskOperation::Write, 14, written), 0);
    std::array<u8, 2 * kSectorBytes> read{};
    EXPECT_EQ(transfer(disk, DiskOperation::Read, 14, read), 0);
    EXPECT_EQ(read, written);
    EXPECT_EQ(transfer(disk, DiskOperation::Read, 12, read), 0);
    EXPECT_TRUE(std::ranges::all_of(read, [](u8 byte) { return byte == 0; }));
  });
}

TEST(MemoryDisk, DiscardAndWriteZeroesLeaveZeroes) {
  finishes([] {
    for (const DiskOperation operation : {DiskOperation::Discard, DiskOperation::WriteZeroes}) {
      MemoryDisk disk(4);
      std::array<u8, 2 * kSectorBytes> bytes{};
      bytes.fill(9);
      EXPECT_EQ(transfer(disk, DiskOperation::Write, 0, bytes), 0);
      DiskIo io;
      io.operation = operation;
      io.first_sector = 1;
      io.count_sectors = 1;
      EXPECT_EQ(submit_and_wait(disk, io), 0);
      EXPECT_EQ(transfer(disk, DiskOperation::Read, 0, bytes), 0);
      EXPECT_EQ(bytes[kSectorBytes - 1], 9);
      EXPECT_EQ(bytes[kSectorBytes], 0);
    }
  });
}

TEST(MemoryDisk, RefusesWhatIsOutsideOrDoesNotFit) {
  finishes([] {
    MemoryDisk disk(4);
    std::array<u8, 2 * kSectorBytes> bytes{};
    EXPECT_EQ(transfer(disk, DiskOperation::Read, 3, bytes), EIO);
    EXPECT_EQ(transfer(disk, DiskOperation::Read, ~0ULL, bytes), EIO);
    DiskIo io;
    io.count_sectors = 1;
    EXPECT_EQ(submit_and_wait(disk, io), EINVAL);
    io.operation = DiskOperation::Flush;
    io.count_sectors = 0;
    EXPECT_EQ(submit_and_wait(disk, io), 0);
  });
}

}  // namespace
}  // namespace bioscope::rt
