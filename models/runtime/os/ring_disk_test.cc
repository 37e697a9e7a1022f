// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/os/ring_disk.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "models/runtime/os/ring.h"
#include "models/runtime/thread.h"

namespace bioscope::rt::os {
namespace {

constexpr u64 kSizeSectors = 2048;
constexpr std::size_t kAlignmentBytes = 4096;
constexpr std::size_t kBufferBytes = 4 * kAlignmentBytes;

class RingDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = (testing::TempDir() + "bioscope-ring-XXXXXX");
    const int file = mkstemp(path.data());
    ASSERT_GE(file, 0);
    ASSERT_EQ(ftruncate(file, kSizeSectors * kSectorBytes), 0);
    ::close(file);
    path_ = path;
    buffer_ = {static_cast<u8*>(std::aligned_alloc(kAlignmentBytes, kBufferBytes)), kBufferBytes};
    std::ranges::fill(buffer_, 0);
  }
  void TearDown() override {
    ::unlink(path_.c_str());
    std::free(buffer_.data());
  }

  // O_DIRECT where the file system of the temporary folder has it.
  std::unique_ptr<RingDisk> open(std::span<u8> registered) {
    RingDiskOptions options;
    options.depth = 8;
    options.buffer = registered;
    Result<std::unique_ptr<RingDisk>> disk = RingDisk::open(path_, options);
    if (!disk) {
      options.direct = false;
      disk = RingDisk::open(path_, options);
    }
    EXPECT_TRUE(disk.has_value()) << disk.error().message;
    return disk ? std::move(*disk) : nullptr;
  }

  static DiskIo io(DiskOperation operation, u64 first_sector, const iovec& segment) {
    DiskIo result;
    result.operation = operation;
    result.first_sector = first_sector;
    result.count_sectors = segment.iov_len / kSectorBytes;
    result.segments = {&segment, 1};
    return result;
  }

  void reads_what_it_wrote(RingDisk& disk) {
    const iovec written{buffer_.data(), kAlignmentBytes};
    const iovec seen{buffer_.data() + kAlignmentBytes, kAlignmentBytes};
    std::ranges::fill(buffer_.first(kAlignmentBytes), 5);
    DiskIo write = io(DiskOperation::Write, 8, written);
    write.fua = true;
    EXPECT_EQ(submit_and_wait(disk, write), 0);
    DiskIo read = io(DiskOperation::Read, 8, seen);
    EXPECT_EQ(submit_and_wait(disk, read), 0);
    EXPECT_TRUE(std::ranges::equal(buffer_.subspan(0, kAlignmentBytes),
                                   buffer_.subspan(kAlignmentBytes, kAlignmentBytes)));
    DiskIo flush = io(DiskOperation::Flush, 0, {});
    EXPECT_EQ(submit_and_wait(disk, flush), 0);
    DiskIo discard = io(DiskOperation::Discard, 8, {});
    discard.count_sectors = 8;
    EXPECT_EQ(submit_and_wait(disk, discard), 0);
    EXPECT_EQ(submit_and_wait(disk, read), 0);
    EXPECT_EQ(buffer_[kAlignmentBytes], 0);
  }

  std::string path_;
  std::span<u8> buffer_;
};

TEST_F(RingDiskTest, ReadsWhatItWroteThroughARegisteredBuffer) {
  const auto disk = open(buffer_);
  ASSERT_NE(disk, nullptr);
  EXPECT_EQ(disk->size_sectors(), kSizeSectors);
  reads_what_it_wrote(*disk);
}

TEST_F(RingDiskTest, ReadsWhatItWroteThroughOtherMemory) {
  const auto disk = open({});
  ASSERT_NE(disk, nullptr);
  EXPECT_FALSE(disk->buffer_registered());
  reads_what_it_wrote(*disk);
}

TEST_F(RingDiskTest, RefusesWhatIsOutside) {
  const auto disk = open({});
  ASSERT_NE(disk, nullptr);
  const iovec segment{buffer_.data(), kAlignmentBytes};
  DiskIo read = io(DiskOperation::Read, kSizeSectors - 1, segment);
  EXPECT_EQ(submit_and_wait(*disk, read), EIO);
}

TEST_F(RingDiskTest, ThreadsSubmitAtOnceEachThroughItsRing) {
  const auto disk = open(buffer_);
  ASSERT_NE(disk, nullptr);
  std::vector<Thread> threads;
  for (std::size_t lane = 0; lane < 4; ++lane) {
    threads.emplace_back("lane", [&, lane] {
      const std::span<u8> mine = buffer_.subspan(lane * kAlignmentBytes, kAlignmentBytes);
      const iovec segment{mine.data(), mine.size()};
      const u64 sector = 64 * (lane + 1);
      for (u8 round = 1; round <= 20; ++round) {
        std::ranges::fill(mine, round);
        DiskIo write = io(DiskOperation::Write, sector, segment);
        EXPECT_EQ(submit_and_wait(*disk, write), 0);
        std::ranges::fill(mine, 0);
        DiskIo read = io(DiskOperation::Read, sector, segment);
        EXPECT_EQ(submit_and_wait(*disk, read), 0);
        EXPECT_TRUE(std::ranges::all_of(mine, [&](u8 byte) { return byte == round; }));
      }
    });
  }
}

TEST(RingDisk, TellsWhatIsWrongWithAPath) {
  const auto disk = RingDisk::open("/nonexistent/disk", {});
  ASSERT_FALSE(disk.has_value());
  EXPECT_EQ(disk.error().message, "/nonexistent/disk: No such file or directory");
}

}  // namespace
}  // namespace bioscope::rt::os
