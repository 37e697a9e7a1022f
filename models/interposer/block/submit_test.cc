// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/submit.h"

#include <array>
#include <cerrno>

#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/block/testing/stack.h"

namespace bioscope::blk {
namespace {

using testing::check;
using testing::check_equal;
using testing::forward;
using testing::OneDisk;
using testing::TestBio;
using testing::TestDriver;
using Lines = std::vector<std::string>;

constexpr u64 kMax = ~u64{0};

int status_of(BlockDevice& bdev, BioOp op, u64 sector, u64 sectors, OpFlags opf = 0) {
  return TestBio(bdev, op, sector, sectors, opf).run();
}

SCENARIO(Submit, EndOfDevice) {
  OneDisk one({}, 64);
  BlockDevice& bdev = one.bdev();
  check_equal(status_of(bdev, BioOp::Read, 63, 1), 0, "the last sector");
  check_equal(status_of(bdev, BioOp::Read, 0, 64), 0, "all of it");
  check_equal(status_of(bdev, BioOp::Read, 64, 1), EIO, "one past the end");
  check_equal(status_of(bdev, BioOp::Read, 63, 2), EIO, "across the end");
  check_equal(status_of(bdev, BioOp::Read, 0, 65), EIO, "longer than the device");
  check_equal(status_of(bdev, BioOp::Write, kMax - 1, 4), EIO, "a sum that would wrap");
  check_equal(status_of(bdev, BioOp::Read, 1000, 0), 0, "no sector, anywhere");
  one.sda.disk().resize(32);
  check_equal(status_of(bdev, BioOp::Read, 32, 1), EIO, "past the end of a smaller disk");
  one.finish();
}

SCENARIO(Submit, EndOfAPartition) {
  OneDisk one({}, 64);
  check_equal(one.sda.disk().add_partition(8, 16), 0, "add_partition");
  BlockDevice& partition = *one.sda.disk().partitions()[0];
  check_equal(status_of(partition, BioOp::Write, 15, 1), 0, "the last sector");
  check_equal(status_of(partition, BioOp::Write, 15, 2), EIO, "across the end");
  check_equal(status_of(partition, BioOp::Write, 16, 1), EIO, "past the end");
  check_equal(one.memory.take_log(), Lines{"write 23+1"}, "the disk got");
  one.finish();
}

// R2: the rest of a split and what a driver gives back are not moved again.
SCENARIO(Submit, APartitionIsAddedOnce) {
  QueueLimits limits;
  limits.max_sectors = 4;
  OneDisk one(limits, 64);
  check_equal(one.sda.disk().add_partition(8, 16), 0, "add_partition");
  BlockDevice& partition = *one.sda.disk().partitions()[0];
  check_equal(status_of(partition, BioOp::Write, 6, 10), 0, "write");
  check_equal(one.memory.take_log(), (Lines{"write 14+4", "write 18+4", "write 22+2"}), "got");
  one.finish();
}

SCENARIO(Submit, WhatIsNotOfferedIsNotSupported) {
  OneDisk plain;
  check_equal(status_of(plain.bdev(), BioOp::Discard, 0, 1), EOPNOTSUPP, "discard");
  check_equal(status_of(plain.bdev(), BioOp::SecureErase, 0, 1), EOPNOTSUPP, "secure erase");
  check_equal(status_of(plain.bdev(), BioOp::WriteZeroes, 0, 1), EOPNOTSUPP, "write zeroes");
  check_equal(status_of(plain.bdev(), BioOp::Read, 0, 1, kReqNowait), EOPNOTSUPP, "nowait");
  check_equal(status_of(plain.bdev(), BioOp::Read, 500, 1, kReqNowait), EOPNOTSUPP,
              "nowait is looked at before the range");
  check_equal(status_of(plain.bdev(), BioOp::Discard, 500, 1), EIO,
              "the range is looked at before the operation");
  check_equal(plain.memory.take_log(), Lines{}, "the disk got");
  plain.finish();
  QueueLimits limits;
  limits.max_discard_sectors = limits.max_secure_erase_sectors = 8;
  limits.max_write_zeroes_sectors = 8;
  limits.nowait = true;
  OneDisk able(limits);
  check_equal(status_of(able.bdev(), BioOp::Discard, 0, 1), 0, "discard");
  check_equal(status_of(able.bdev(), BioOp::SecureErase, 1, 1), 0, "secure erase");
  check_equal(status_of(able.bdev(), BioOp::WriteZeroes, 2, 1), 0, "write zeroes");
  check_equal(status_of(able.bdev(), BioOp::Read, 3, 1, kReqNowait), 0, "nowait");
  check_equal(status_of(able.bdev(), BioOp::Flush, 0, 0), EOPNOTSUPP, "a flush as a bio (R6)");
  check_equal(able.memory.take_log(),
              (Lines{"discard 0+1", "discard 1+1", "zeroes 2+1", "read 3+1"}), "the disk got");
  able.finish();
}

SCENARIO(Submit, FlushesMeanNothingWithoutACache) {
  OneDisk one;
  check_equal(blkdev_issue_flush(one.bdev()), 0, "flush");
  check_equal(one.memory.take_log(), Lines{}, "the disk got");
  check_equal(status_of(one.bdev(), BioOp::Write, 1, 1, kReqPreflush | kReqFua), 0, "write");
  check_equal(one.memory.take_log(), Lines{"write 1+1"}, "the disk got");
  one.finish();
}

SCENARIO(Submit, AReadOnlyDeviceOnlyWarns) {
  OneDisk one;
  one.bdev().set_read_only(true);
  check_equal(status_of(one.bdev(), BioOp::Write, 1, 1), 0, "write (R3)");
  one.finish();
}

// R8, as the kernel's own comment tells it: each driver's ->submit_bio makes bios for lower levels
// and for its own. What each driver gets is recorded.
SCENARIO(Submit, LowestLevelFirst) {
  OneDisk one;
  Lines got;
  const auto note = [&got](const std::string& who, const Bio& bio) {
    got.push_back(who + std::to_string(bio.iter.sector));
  };
  TestDriver low(one.system, "low", 256, [&](Bio& bio) {
    note("low", bio);
    forward(bio, one.bdev());
  });
  // Splits off two sectors, sends each on, and resubmits the rest in between, as a driver might.
  TestDriver top(one.system, "top", 256, [&](Bio& bio) {
    note("top", bio);
    Bio* front = nullptr;
    if (bio_sectors(bio) > 2) {
      front = bio_split(bio, 2);
      bio_chain(*front, bio);
      submit_bio_noacct(bio);
    }
    Bio& piece = front != nullptr ? *front : bio;
    if (bio_sectors(piece) == 2) {
      Bio* second = bio_split(piece, 1);
      bio_chain(*second, piece);
      forward(*second, low.bdev());
    }
    forward(piece, low.bdev());
  });
  for (TestDriver* driver : {&low, &top}) {
    check_equal(one.system.add_disk(driver->disk()), 0, "add_disk");
  }
  check_equal(status_of(top.bdev(), BioOp::Write, 10, 5), 0, "write");
  check_equal(got, (Lines{"top10", "low10", "low11", "top12", "low12", "low13", "top14", "low14"}),
              "in this order");
  check_equal(one.memory.take_log(),
              (Lines{"write 10+1", "write 11+1", "write 12+1", "write 13+1", "write 14+1"}), "got");
  for (TestDriver* driver : {&low, &top}) one.system.remove_disk(driver->disk());
  one.finish();
}

// Older bios wait until everything below the newer ones is done.
SCENARIO(Submit, OlderBiosWaitForLowerLevels) {
  OneDisk one;
  Lines got;
  TestDriver middle(one.system, "middle", 256, [&](Bio& bio) {
    got.push_back("middle" + std::to_string(bio.iter.sector));
    forward(bio, one.bdev(), 100);
  });
  TestDriver top(one.system, "top", 256, [&](Bio& bio) {
    for (int part = 0; part < 2; ++part) {
      Bio* front = bio_split(bio, 1);
      bio_chain(*front, bio);
      forward(*front, middle.bdev());
    }
    forward(bio, middle.bdev());
  });
  for (TestDriver* driver : {&middle, &top}) {
    check_equal(one.system.add_disk(driver->disk()), 0, "add_disk");
  }
  check_equal(status_of(top.bdev(), BioOp::Write, 0, 3), 0, "write");
  check_equal(one.ledger.take_entries(),
              (Lines{"top 0+3", "middle 0+1", "sda 100+1", "middle 1+1", "sda 101+1", "middle 2+1",
                     "sda 102+1"}),
              "in this order");
  for (TestDriver* driver : {&middle, &top}) one.system.remove_disk(driver->disk());
  one.finish();
}

// R7: a driver that completes and submits from end_io is never active twice in a task.
SCENARIO(Submit, OneDriverIsActiveAtATime) {
  OneDisk one;
  int depth = 0;
  int left = 1000;
  TestDriver top(one.system, "top", 256, [&](Bio& bio) {
    check_equal(++depth, 1, "active drivers");
    if (left-- > 0) {
      submit_bio_noacct(bio);
    } else {
      bio_endio(bio);
    }
    --depth;
  });
  check_equal(one.system.add_disk(top.disk()), 0, "add_disk");
  check_equal(status_of(top.bdev(), BioOp::Read, 0, 1), 0, "read");
  check_equal(depth, 0, "active drivers");
  one.system.remove_disk(top.disk());
  one.finish();
}

TEST(Submit, FlatMemoryGoesInPieces) {
  constexpr u64 kSectors = 65536 + 3;
  const rt::Outcome outcome = rt::run({}, [] {
    OneDisk one({.max_segments = 1024}, kSectors);
    std::vector<u8> out(kSectors * kSectorBytes, 3);
    check_equal(blkdev_write(one.bdev(), 0, out, 0), 0, "write");
    std::vector<u8> in(kSectors * kSectorBytes);
    check_equal(blkdev_read(one.bdev(), 0, in), 0, "read");
    check(in == out, "what was written is read");
    check_equal(blkdev_read(one.bdev(), 1, in), EIO, "past the end");
    one.finish();
  });
  EXPECT_EQ(outcome.end, rt::End::Finished) << describe(outcome);
}

SCENARIO(Submit, NowaitOnAFrozenQueue) {
  QueueLimits limits;
  limits.nowait = true;
  OneDisk one(limits);
  one.sda.disk().queue().freeze();
  check_equal(status_of(one.bdev(), BioOp::Read, 0, 1, kReqNowait), EAGAIN, "nowait (R10)");
  TestBio waits(one.bdev(), BioOp::Read, 0, 1);
  rt::Thread reader("reader", [&] { waits.submit(); });
  rt::yield();
  check(!waits.ended(), "a read within a frozen queue");
  one.sda.disk().queue().unfreeze();
  check_equal(waits.wait(), 0, "read");
  reader.join();
  one.finish();
}

}  // namespace
}  // namespace bioscope::blk
