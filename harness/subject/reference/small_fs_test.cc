// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/small_fs.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <vector>

#include "models/interposer/block/freeze.h"
#include "models/interposer/block/request_disk.h"
#include "models/interposer/block/system.h"
#include "models/runtime/memory_disk.h"
#include "models/runtime/run.h"
#include "models/runtime/thread.h"

namespace bioscope::reference {
namespace {

constexpr u64 kSectors = 4096;
const std::function<void()> kNobody;
const SmallFs::Cause kCause{0, kNobody};

// Two disks, so that one can be copied to the other.
struct Machine {
  Machine() {
    EXPECT_EQ(system.add_disk(disk.disk()), 0);
    EXPECT_EQ(system.add_disk(copy.disk()), 0);
  }
  ~Machine() {
    if (!removed) system.remove_disk(disk.disk());
    system.remove_disk(copy.disk());
  }
  blk::BlockDevice& device() { return disk.disk().whole(); }
  blk::BlockDevice& other() { return copy.disk().whole(); }

  std::shared_ptr<SmallFs> mount(blk::BlockDevice& bdev, bool read_only = false) {
    std::shared_ptr<SmallFs> mounted;
    EXPECT_EQ(SmallFs::mount(system, bdev.name(), "ext4", read_only, mounted), 0);
    return mounted;
  }
  // As a snapshot would have it.
  void copy_contents() {
    std::vector<u8> bytes(kSectors * kSectorBytes);
    rt::DiskIo io;
    const iovec segment{bytes.data(), bytes.size()};
    io.segments = std::span(&segment, 1);
    io.count_sectors = kSectors;
    io.operation = rt::DiskOperation::Read;
    EXPECT_EQ(rt::submit_and_wait(memory, io), 0);
    io.operation = rt::DiskOperation::Write;
    EXPECT_EQ(rt::submit_and_wait(copied, io), 0);
  }
  int check(blk::BlockDevice& bdev) {
    std::string said;
    return SmallFs::check(bdev, "ext4", said);
  }

  rt::MemoryDisk memory{kSectors};
  rt::MemoryDisk copied{kSectors};
  blk::System system;
  blk::RequestDisk disk{system, "d0", memory, {}, kSectors};
  blk::RequestDisk copy{system, "d1", copied, {}, kSectors};
  bool removed = false;
};

void in_run(const std::function<void(Machine&)>& program) {
  const rt::Outcome outcome = rt::run({}, [&] {
    Machine machine;
    program(machine);
  });
  EXPECT_EQ(outcome.end, rt::End::Finished) << rt::describe(outcome);
}

std::vector<u8> sectors(u64 count, u8 value) {
  return std::vector<u8>(count * kSectorBytes, value);
}

int write(SmallFs& fs, std::string_view name, Range range, u8 value) {
  std::vector<u8> bytes = sectors(range.count_sectors, value);
  return fs.write(name, range, bytes, kCause);
}

// What a read of so many sectors from 0 gives; empty on an error.
std::vector<u8> read(SmallFs& fs, std::string_view name, u64 count) {
  std::vector<u8> bytes = sectors(count, 0xee);
  u64 got = 0;
  if (fs.read(name, {0, count}, bytes, kCause, got) != 0) return {};
  bytes.resize(got * kSectorBytes);
  return bytes;
}

TEST(SmallFs, KeepsFilesOverARemount) {
  in_run([](Machine& machine) {
    ASSERT_EQ(SmallFs::make(machine.device(), "ext4"), 0);
    EXPECT_EQ(machine.check(machine.device()), 0);
    auto fs = machine.mount(machine.device());
    EXPECT_EQ(write(*fs, "a", {3, 30}, 1), 0);
    EXPECT_EQ(write(*fs, "b", {0, 8}, 2), 0);
    EXPECT_EQ(fs->remove("b"), 0);
    EXPECT_EQ(fs->unmount(), 0);
    EXPECT_EQ(machine.check(machine.device()), 0);
    fs = machine.mount(machine.device());
    std::vector<u8> expected = sectors(3, 0);
    const std::vector<u8> ones = sectors(30, 1);
    expected.insert(expected.end(), ones.begin(), ones.end());
    EXPECT_EQ(read(*fs, "a", 100), expected);
    u64 got = 0;
    std::vector<u8> bytes = sectors(1, 0);
    EXPECT_EQ(fs->read("b", {0, 1}, bytes, kCause, got), ENOENT);
    EXPECT_EQ(fs->unmount(), 0);
  });
}

TEST(SmallFs, OnlyAFrozenOneIsCleanWhileMounted) {
  in_run([](Machine& machine) {
    ASSERT_EQ(SmallFs::make(machine.device(), "ext4"), 0);
    auto fs = machine.mount(machine.device());
    EXPECT_EQ(write(*fs, "a", {0, 16}, 1), 0);
    EXPECT_EQ(machine.check(machine.device()), EUCLEAN);
    ASSERT_EQ(blk::freeze_bdev(machine.device()), 0);
    EXPECT_EQ(machine.check(machine.device()), 0);
    machine.copy_contents();
    ASSERT_EQ(blk::thaw_bdev(machine.device()), 0);
    EXPECT_EQ(machine.check(machine.device()), EUCLEAN);

    EXPECT_EQ(machine.check(machine.other()), 0);
    auto old = machine.mount(machine.other(), /*read_only=*/true);
    EXPECT_EQ(read(*old, "a", 16), sectors(16, 1));
    EXPECT_EQ(write(*old, "a", {0, 1}, 2), EROFS);
    EXPECT_EQ(old->unmount(), 0);
    EXPECT_EQ(machine.check(machine.other()), 0);
    EXPECT_EQ(fs->unmount(), 0);
  });
}

// What was not synced is missing from a copy, and the copy says that it is not clean.
TEST(SmallFs, MetadataIsWrittenBackBySync) {
  in_run([](Machine& machine) {
    ASSERT_EQ(SmallFs::make(machine.device(), "ext4"), 0);
    auto fs = machine.mount(machine.device());
    EXPECT_EQ(write(*fs, "a", {0, 8}, 1), 0);
    EXPECT_EQ(fs->sync("a"), 0);
    EXPECT_EQ(write(*fs, "b", {0, 8}, 2), 0);
    machine.copy_contents();
    EXPECT_EQ(machine.check(machine.other()), EUCLEAN);
    auto old = machine.mount(machine.other());
    EXPECT_EQ(read(*old, "a", 8), sectors(8, 1));
    EXPECT_TRUE(read(*old, "b", 8).empty());
    EXPECT_EQ(old->unmount(), 0);
    EXPECT_EQ(fs->unmount(), 0);
  });
}

TEST(SmallFs, AWriteWaitsWhileItIsFrozen) {
  in_run([](Machine& machine) {
    ASSERT_EQ(SmallFs::make(machine.device(), "ext4"), 0);
    auto fs = machine.mount(machine.device());
    EXPECT_EQ(fs->freeze(), 0);
    bool written = false;
    rt::Thread writer("writer", [&] {
      EXPECT_EQ(write(*fs, "a", {0, 8}, 1), 0);
      written = true;
    });
    for (int i = 0; i < 100; ++i) rt::yield();
    EXPECT_FALSE(written);
    EXPECT_EQ(fs->unmount(), EBUSY);
    EXPECT_EQ(fs->thaw(), 0);
    writer.join();
    EXPECT_EQ(fs->unmount(), 0);
  });
}

TEST(SmallFs, AThawSucceedsThoughTheDiskIsGone) {
  in_run([](Machine& machine) {
    ASSERT_EQ(SmallFs::make(machine.device(), "ext4"), 0);
    auto fs = machine.mount(machine.device());
    EXPECT_EQ(write(*fs, "a", {0, 8}, 1), 0);
    ASSERT_EQ(blk::freeze_bdev(machine.device()), 0);
    machine.system.remove_disk(machine.disk.disk());
    machine.removed = true;
    EXPECT_EQ(blk::thaw_bdev(machine.device()), 0);
    EXPECT_EQ(write(*fs, "a", {0, 8}, 2), EIO);
    EXPECT_EQ(fs->remove("a"), EIO);
    EXPECT_EQ(fs->unmount(), 0);
  });
}

TEST(SmallFs, ARemovedFilesBlocksAreNotUsedBeforeItsRemovalIsWritten) {
  in_run([](Machine& machine) {
    ASSERT_EQ(SmallFs::make(machine.device(), "ext4"), 0);
    auto fs = machine.mount(machine.device());
    // So many that the next file needs some of these blocks again.
    constexpr u64 kMost = 3600;
    EXPECT_EQ(write(*fs, "a", {0, kMost}, 1), 0);
    EXPECT_EQ(fs->sync("a"), 0);
    EXPECT_EQ(fs->remove("a"), 0);
    EXPECT_EQ(write(*fs, "b", {0, kMost}, 2), ENOSPC);
    machine.copy_contents();
    auto old = machine.mount(machine.other(), /*read_only=*/true);
    EXPECT_EQ(read(*old, "a", kMost), sectors(kMost, 1));
    EXPECT_EQ(old->unmount(), 0);
    EXPECT_EQ(fs->sync("b"), 0);
    EXPECT_EQ(write(*fs, "b", {0, kMost}, 2), 0);
    EXPECT_EQ(fs->unmount(), 0);
  });
}

TEST(SmallFs, RefusesWhatCannotBeMounted) {
  in_run([](Machine& machine) {
    std::shared_ptr<SmallFs> fs;
    EXPECT_EQ(SmallFs::mount(machine.system, "d0", "", false, fs), EINVAL);
    ASSERT_EQ(SmallFs::make(machine.device(), "xfs"), 0);
    EXPECT_EQ(machine.check(machine.device()), EUCLEAN);
    EXPECT_EQ(SmallFs::mount(machine.system, "d0", "ext4", false, fs), EINVAL);
    EXPECT_EQ(machine.device().openers(), 0U);
    ASSERT_EQ(blk::freeze_bdev(machine.device()), 0);
    EXPECT_EQ(SmallFs::mount(machine.system, "d0", "", false, fs), EBUSY);
    ASSERT_EQ(blk::thaw_bdev(machine.device()), 0);
    EXPECT_EQ(SmallFs::mount(machine.system, "d0", "", false, fs), 0);
    std::shared_ptr<SmallFs> second;
    EXPECT_EQ(SmallFs::mount(machine.system, "d0", "", false, second), EBUSY);
    EXPECT_EQ(fs->unmount(), 0);
    EXPECT_EQ(machine.device().openers(), 0U);
  });
}

TEST(SmallFs, CheckSeesDamage) {
  in_run([](Machine& machine) {
    ASSERT_EQ(SmallFs::make(machine.device(), "ext4"), 0);
    auto fs = machine.mount(machine.device());
    EXPECT_EQ(write(*fs, "a", {0, 8}, 1), 0);
    EXPECT_EQ(fs->unmount(), 0);
    // The metadata's copies lie behind the superblock's block.
    std::vector<u8> junk(16 * 16 * kSectorBytes, 0x5a);
    const iovec segment{junk.data(), junk.size()};
    rt::DiskIo io;
    io.operation = rt::DiskOperation::Write;
    io.first_sector = 8;
    io.count_sectors = 256;
    io.segments = std::span(&segment, 1);
    ASSERT_EQ(rt::submit_and_wait(machine.memory, io), 0);
    EXPECT_EQ(machine.check(machine.device()), EUCLEAN);
  });
}

}  // namespace
}  // namespace bioscope::reference
