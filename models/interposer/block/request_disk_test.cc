// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/request_disk.h"

#include <array>
#include <cerrno>

#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/block/testing/stack.h"

namespace bioscope::blk {
namespace {

using testing::check;
using testing::check_equal;
using testing::OneDisk;
using testing::TestBio;
using Lines = std::vector<std::string>;

SCENARIO(RequestDisk, WritesAndReadsThroughAPartition) {
  OneDisk one({}, 128);
  check_equal(one.sda.disk().add_partition(16, 32), 0, "add_partition");
  BlockDevice* partition = one.system.find("sdap1");
  check(partition != nullptr, "the partition has a name");
  std::array<u8, std::size_t{2} * kSectorBytes> out{};
  out.fill(7);
  check_equal(blkdev_write(*partition, 30, out, 0), 0, "write");
  std::array<u8, std::size_t{2} * kSectorBytes> in{};
  check_equal(blkdev_read(*partition, 30, in), 0, "read");
  check(in == out, "what was written is read");
  check_equal(one.memory.take_log(), (Lines{"write 46+2", "read 46+2"}), "the disk got");
  one.finish();
  check_equal(blkdev_read(*partition, 0, in), EIO, "a read of a disk that is gone");
}

QueueLimits cached(bool fua) {
  QueueLimits limits;
  limits.write_cache = true;
  limits.fua = fua;
  return limits;
}

SCENARIO(RequestDisk, FlushesAndFuaWithoutFua) {
  OneDisk one(cached(false));
  BlockDevice& bdev = one.bdev();
  check_equal(blkdev_issue_flush(bdev), 0, "flush");
  check_equal(one.memory.take_log(), Lines{"flush"}, "an empty flush");
  check_equal(TestBio(bdev, BioOp::Write, 1, 1, kReqPreflush).run(), 0, "write");
  check_equal(one.memory.take_log(), (Lines{"flush", "write 1+1"}), "a preflush");
  check_equal(TestBio(bdev, BioOp::Write, 2, 1, kReqFua).run(), 0, "write");
  check_equal(one.memory.take_log(), (Lines{"write 2+1", "flush"}), "FUA");
  check_equal(TestBio(bdev, BioOp::Write, 3, 1, kReqPreflush | kReqFua).run(), 0, "write");
  check_equal(one.memory.take_log(), (Lines{"flush", "write 3+1", "flush"}), "both");
  one.finish();
}

SCENARIO(RequestDisk, FlushesAndFuaWithFua) {
  OneDisk one(cached(true));
  check_equal(TestBio(one.bdev(), BioOp::Write, 3, 1, kReqPreflush | kReqFua).run(), 0, "write");
  check_equal(one.memory.take_log(), (Lines{"flush", "write 3+1 fua"}), "the disk got");
  one.finish();
}

SCENARIO(RequestDisk, AnErrorOfAnyStepEndsTheBio) {
  OneDisk one(cached(false));
  int flushes = 0;
  one.memory.fails = [&](const rt::DiskIo& io) {
    return io.operation == rt::DiskOperation::Flush && flushes++ == 0 ? EIO : 0;
  };
  const OpFlags both = kReqPreflush | kReqFua;
  check_equal(TestBio(one.bdev(), BioOp::Write, 3, 1, both).run(), EIO, "the flush before fails");
  check_equal(one.memory.take_log(), Lines{"flush"}, "no data after it");
  flushes = -1;
  check_equal(TestBio(one.bdev(), BioOp::Write, 3, 1, both).run(), EIO, "the flush after fails");
  one.memory.fails = [](const rt::DiskIo& io) {
    return io.operation == rt::DiskOperation::Write ? ENOSPC : 0;
  };
  check_equal(one.memory.take_log(), (Lines{"flush", "write 3+1", "flush"}), "the disk got");
  check_equal(TestBio(one.bdev(), BioOp::Write, 3, 1, both).run(), ENOSPC, "the data fails");
  check_equal(one.memory.take_log(), (Lines{"flush", "write 3+1"}), "no flush after it");
  one.finish();
}

SCENARIO(RequestDisk, SplitsToItsLimits) {
  QueueLimits limits;
  limits.max_sectors = 8;
  limits.chunk_sectors = 10;
  limits.max_discard_sectors = 16;
  limits.discard_granularity_bytes = 8 * kSectorBytes;
  limits.max_write_zeroes_sectors = 6;
  OneDisk one(limits);
  check_equal(TestBio(one.bdev(), BioOp::Write, 7, 14).run(), 0, "write");
  check_equal(one.memory.take_log(), (Lines{"write 7+3", "write 10+8", "write 18+2", "write 20+1"}),
              "the disk got");
  check_equal(TestBio(one.bdev(), BioOp::Discard, 3, 30).run(), 0, "discard");
  check_equal(one.memory.take_log(), (Lines{"discard 3+13", "discard 16+16", "discard 32+1"}),
              "the disk got");
  check_equal(TestBio(one.bdev(), BioOp::WriteZeroes, 0, 13).run(), 0, "write zeroes");
  check_equal(one.memory.take_log(), (Lines{"zeroes 0+6", "zeroes 6+6", "zeroes 12+1"}), "got");
  one.finish();
}

SCENARIO(RequestDisk, SplitDataIsWhole) {
  QueueLimits limits;
  limits.max_sectors = 3;
  limits.max_segments = 2;
  OneDisk one(limits);
  std::array<u8, std::size_t{16} * kSectorBytes> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<u8>(i / kSectorBytes + i);
  const std::array<iovec, 4> segments{{{bytes.data(), 700},
                                       {bytes.data() + 700, 1000},
                                       {bytes.data() + 1700, 300},
                                       {bytes.data() + 2000, bytes.size() - 2000}}};
  Bio* bio = bio_alloc(&one.bdev(), BioOp::Write, 0, 5, 16, segments);
  check_equal(submit_bio_wait(*bio), 0, "write");
  bio_put(bio);
  std::array<u8, std::size_t{16} * kSectorBytes> read{};
  check_equal(blkdev_read(one.bdev(), 5, read), 0, "read");
  check(read == bytes, "what was written is read");
  one.finish();
}

// R19: the bio ends once, after all parts, with an error if one has one.
SCENARIO(RequestDisk, AnErrorOfAPartIsTheBios) {
  QueueLimits limits;
  limits.max_sectors = 2;
  OneDisk one(limits);
  one.memory.fails = [](const rt::DiskIo& io) { return io.first_sector == 2 ? EIO : 0; };
  one.memory.hold();
  TestBio bio(one.bdev(), BioOp::Write, 0, 6);
  bio.submit();
  {
    rt::Thread disk("disk", [&] { one.memory.release(); });
    rt::Thread other("other", [&] { one.memory.release(); });
  }
  check(bio.ended(), "ended");
  check_equal(bio.wait(), EIO, "status");
  one.finish();
}

SCENARIO(RequestDisk, NowaitIsNotSplit) {
  QueueLimits limits;
  limits.max_sectors = 4;
  limits.nowait = true;
  limits.max_discard_sectors = 4;
  OneDisk one(limits);
  check_equal(TestBio(one.bdev(), BioOp::Read, 0, 4, kReqNowait).run(), 0, "fits");
  check_equal(TestBio(one.bdev(), BioOp::Read, 0, 5, kReqNowait).run(), EAGAIN, "R13");
  check_equal(one.sda.disk().queue().freeze_depth(), 0U, "freeze depth");
  check_equal(TestBio(one.bdev(), BioOp::Discard, 0, 5, kReqNowait).run(), 0, "a discard is split");
  one.finish();
}

// R14.
SCENARIO(RequestDisk, TheFrontOfASplitIsNotMerged) {
  struct FrontWatcher final : Watcher {
    void submitted(Bio&) override {}
    void entered(const Bio&, const std::string&) override {}
    void left(const std::string&) override {}
    void was_split(Bio& front, const Bio&) override { front.number = 1; }
    void was_cloned(Bio&, const Bio&) override {}
    void ended(const Bio& bio) override {
      check_equal((bio.opf & kReqNoMerge) != 0, bio.number == 1, "NOMERGE of the front only");
    }
  } watcher;
  System system(&watcher);
  testing::TestDisk memory(64);
  QueueLimits limits;
  limits.max_sectors = 4;
  RequestDisk sda(system, "sda", memory, limits, 64);
  check_equal(system.add_disk(sda.disk()), 0, "add_disk");
  check_equal(TestBio(sda.disk().whole(), BioOp::Write, 0, 10).run(), 0, "write");
  system.remove_disk(sda.disk());
}

}  // namespace
}  // namespace bioscope::blk
