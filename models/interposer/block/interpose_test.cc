// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/interpose.h"

#include <cerrno>

#include "models/interposer/block/plug.h"
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
using testing::TestInterposer;
using Lines = std::vector<std::string>;
using Sectors = std::vector<u64>;

void write_some(BlockDevice& bdev, u64 first, int count) {
  for (int i = 0; i < count; ++i) {
    check_equal(TestBio(bdev, BioOp::Write, first + i, 1).run(), 0, "write");
  }
}

// P1, P2, P3: attaches and detaches while `load` submits, however it does.
void attach_and_detach_under(OneDisk& one, BlockDevice& bdev, const std::function<void()>& load) {
  TestInterposer flakey("flakey", bdev);
  {
    rt::Thread writer("writer", [&load] { load(); });
    for (int round = 0; round < 2; ++round) {
      check_equal(interposer_attach(bdev, flakey), 0, "attach");
      one.ledger.close("sda");
      rt::yield();
      one.ledger.close("");
      interposer_detach(bdev, flakey);
      const u32 got = flakey.got();
      check_equal(flakey.inside(), 0U, "submitters inside after the detach (P3)");
      rt::yield();
      check_equal(flakey.got(), got, "bios that it got after the detach (P3)");
    }
  }
  one.finish();
}

SCENARIO(Interpose, UnderAWriter) {
  OneDisk one;
  attach_and_detach_under(one, one.bdev(), [&] { write_some(one.bdev(), 0, 3); });
}

SCENARIO(Interpose, UnderAWriterOfAPartition) {
  OneDisk one;
  check_equal(one.sda.disk().add_partition(8, 16), 0, "add_partition");
  BlockDevice& partition = *one.sda.disk().partitions()[0];
  attach_and_detach_under(one, partition, [&] { write_some(partition, 0, 3); });
}

SCENARIO(Interpose, TheDiskUnderAWriterOfAPartition) {
  OneDisk one;
  check_equal(one.sda.disk().add_partition(8, 16), 0, "add_partition");
  BlockDevice& partition = *one.sda.disk().partitions()[0];
  attach_and_detach_under(one, one.bdev(), [&] { write_some(partition, 0, 3); });
}

SCENARIO(Interpose, UnderAStackedDevice) {
  OneDisk one;
  TestDriver linear(one.system, "linear", 256, [&](Bio& bio) { forward(bio, one.bdev(), 1); });
  check_equal(one.system.add_disk(linear.disk()), 0, "add_disk");
  attach_and_detach_under(one, one.bdev(), [&] {
    write_some(linear.bdev(), 0, 3);
    one.system.remove_disk(linear.disk());
  });
}

SCENARIO(Interpose, UnderSplitBios) {
  QueueLimits limits;
  limits.max_sectors = 2;
  OneDisk one(limits);
  attach_and_detach_under(one, one.bdev(), [&] {
    TestBio large(one.bdev(), BioOp::Write, 0, 7);
    check_equal(large.run(), 0, "write");
  });
}

SCENARIO(Interpose, UnderAPlug) {
  OneDisk one;
  attach_and_detach_under(one, one.bdev(), [&] {
    TestBio a(one.bdev(), BioOp::Write, 0, 1);
    TestBio b(one.bdev(), BioOp::Write, 1, 1);
    {
      const Plug plug;
      a.submit();
      b.submit();
    }
    check_equal(a.wait(), 0, "the first");
    check_equal(b.wait(), 0, "the second");
  });
}

SCENARIO(Interpose, AnAttachWaitsForRequestsOnTheirWay) {
  OneDisk one;
  TestInterposer flakey("flakey", one.bdev());
  one.memory.hold();
  TestBio early(one.bdev(), BioOp::Write, 0, 1);
  early.submit();
  rt::Thread attacher("attacher", [&] {
    check_equal(interposer_attach(one.bdev(), flakey), 0, "attach");
    check(early.ended(), "a request is still on its way past the interposer");
  });
  rt::yield();
  one.memory.release();
  check_equal(early.wait(), 0, "write");
  attacher.join();
  interposer_detach(one.bdev(), flakey);
  one.finish();
}

SCENARIO(Interpose, OneAtATime) {
  OneDisk one;
  TestInterposer a("a", one.bdev());
  TestInterposer b("b", one.bdev());
  int of_a = -1;
  int of_b = -1;
  {
    rt::Thread other("other", [&] { of_b = interposer_attach(one.bdev(), b); });
    of_a = interposer_attach(one.bdev(), a);
  }
  check((of_a == 0 && of_b == EBUSY) || (of_a == EBUSY && of_b == 0), "one gets it, one EBUSY");
  TestInterposer& attached = of_a == 0 ? a : b;
  TestInterposer& refused = of_a == 0 ? b : a;
  interposer_detach(one.bdev(), refused);
  write_some(one.bdev(), 5, 1);
  check_equal(attached.take_log(), Sectors{5}, "a detach of the other does nothing");
  interposer_detach(one.bdev(), attached);
  interposer_detach(one.bdev(), attached);
  write_some(one.bdev(), 6, 1);
  check_equal(attached.take_log(), Sectors{}, "after the detach");
  check_equal(interposer_attach(one.bdev(), refused), 0, "another attach");
  interposer_detach(one.bdev(), refused);
  check_equal(one.sda.disk().queue().freeze_depth(), 0U, "freeze depth (P10)");
  one.finish();
  check_equal(interposer_attach(one.bdev(), a), ENODEV, "attach to a disk that is gone");
}

SCENARIO(Interpose, APartitionsInterposerSeesItsOwnSectors) {
  OneDisk one;
  check_equal(one.sda.disk().add_partition(8, 16), 0, "add_partition");
  check_equal(one.sda.disk().add_partition(32, 16), 0, "add_partition");
  BlockDevice& first = *one.sda.disk().partitions()[0];
  BlockDevice& second = *one.sda.disk().partitions()[1];
  TestInterposer flakey("flakey", first);
  check_equal(interposer_attach(first, flakey), 0, "attach");
  write_some(first, 3, 1);
  write_some(second, 3, 1);
  write_some(one.bdev(), 12, 1);
  check_equal(flakey.take_log(), Sectors{3}, "the interposer got");
  check_equal(one.memory.take_log(), (Lines{"write 11+1", "write 35+1", "write 12+1"}), "the disk");
  interposer_detach(first, flakey);
  one.finish();
}

// I5, P7: first the partition's, then the disk's, each once.
SCENARIO(Interpose, APartitionAndItsDisk) {
  OneDisk one;
  check_equal(one.sda.disk().add_partition(8, 16), 0, "add_partition");
  BlockDevice& partition = *one.sda.disk().partitions()[0];
  TestInterposer upper("upper", partition);
  TestInterposer lower("lower", one.bdev());
  check_equal(interposer_attach(partition, upper), 0, "attach");
  check_equal(interposer_attach(one.bdev(), lower), 0, "attach");
  write_some(partition, 3, 2);
  check_equal(one.ledger.take_entries(),
              (Lines{"upper 3+1", "lower 11+1", "sda 11+1", "upper 4+1", "lower 12+1", "sda 12+1"}),
              "hops");
  interposer_detach(partition, upper);
  write_some(partition, 3, 1);
  check_equal(lower.take_log(), (Sectors{11, 12, 11}), "the disk's interposer got");
  interposer_detach(one.bdev(), lower);
  one.finish();
}

// P7: a volume and the disk below it.
SCENARIO(Interpose, AVolumeAndItsDisk) {
  OneDisk one;
  TestDriver volume(one.system, "volume", 128, [&](Bio& bio) { forward(bio, one.bdev(), 50); });
  check_equal(one.system.add_disk(volume.disk()), 0, "add_disk");
  TestInterposer upper("upper", volume.bdev());
  TestInterposer lower("lower", one.bdev());
  check_equal(interposer_attach(volume.bdev(), upper), 0, "attach");
  check_equal(interposer_attach(one.bdev(), lower), 0, "attach");
  write_some(volume.bdev(), 3, 1);
  check_equal(one.ledger.take_entries(),
              (Lines{"upper 3+1", "volume 3+1", "lower 53+1", "sda 53+1"}), "hops");
  interposer_detach(one.bdev(), lower);
  interposer_detach(volume.bdev(), upper);
  one.system.remove_disk(volume.disk());
  one.finish();
}

// I2: what an interposer kept back and gives to the block device again aims itself anew.
SCENARIO(Interpose, WhatWasDeferredGoesOn) {
  OneDisk one;
  check_equal(one.sda.disk().add_partition(8, 16), 0, "add_partition");
  BlockDevice& partition = *one.sda.disk().partitions()[0];
  TestInterposer of_partition("of_partition", partition);
  TestInterposer of_disk("of_disk", one.bdev());
  check_equal(interposer_attach(partition, of_partition), 0, "attach");
  of_partition.suspend();
  TestBio first(partition, BioOp::Write, 2, 1);
  first.submit();
  check_equal(of_partition.deferred(), 1U, "deferred");
  interposer_detach(partition, of_partition);
  check_equal(interposer_attach(one.bdev(), of_disk), 0, "attach");
  of_disk.suspend();
  of_partition.resume();
  check_equal(of_disk.deferred(), 1U, "deferred by the disk's");
  of_disk.resume();
  check_equal(first.wait(), 0, "write");
  check_equal(of_disk.take_log(), (Sectors{10, 10}), "the disk's interposer got it, twice");
  check_equal(one.memory.take_log(), Lines{"write 10+1"}, "the disk got");
  interposer_detach(one.bdev(), of_disk);
  one.finish();
}

// U3: a redirected bio's clones come before what was waiting, as below a bio-based driver.
SCENARIO(Interpose, LowestLevelFirst) {
  OneDisk one;
  testing::TestDisk other_memory(64);
  RequestDisk other(one.system, "other", other_memory, {}, 64);
  check_equal(one.system.add_disk(other.disk()), 0, "add_disk");
  TestDriver top(one.system, "top", 64, [&](Bio& bio) {
    Bio* front = bio_split(bio, 1);
    bio_chain(*front, bio);
    forward(*front, one.bdev());
    forward(bio, other.disk().whole());
  });
  check_equal(one.system.add_disk(top.disk()), 0, "add_disk");
  TestInterposer flakey("flakey", one.bdev());
  check_equal(interposer_attach(one.bdev(), flakey), 0, "attach");
  check_equal(TestBio(top.bdev(), BioOp::Write, 0, 2).run(), 0, "write");
  check_equal(one.ledger.take_entries(), (Lines{"top 0+2", "flakey 0+1", "sda 0+1", "other 1+1"}),
              "hops");
  interposer_detach(one.bdev(), flakey);
  one.system.remove_disk(top.disk());
  one.system.remove_disk(other.disk());
  one.finish();
}

// An interposer that splits: its piece is through before the rest comes back to it (R42).
class SplittingInterposer final : public Interposer {
 public:
  explicit SplittingInterposer(BlockDevice& original) : original_(original) {}
  void submit_redirected(Bio& bio) override {
    if (bio_sectors(bio) == 1) return forward(bio, original_.below());
    Bio* front = bio_split(bio, 1);
    bio_chain(*front, bio);
    submit_bio_noacct(bio);
    forward(*front, original_.below());
  }
  void original_dies() override {}
  const std::string& interposer_name() const override { return name_; }

 private:
  std::string name_ = "splits";
  BlockDevice& original_;
};

SCENARIO(Interpose, TheRestComesBackAfterThePiece) {
  OneDisk one;
  SplittingInterposer splits(one.bdev());
  check_equal(interposer_attach(one.bdev(), splits), 0, "attach");
  check_equal(TestBio(one.bdev(), BioOp::Write, 0, 3).run(), 0, "write");
  check_equal(one.ledger.take_entries(),
              (Lines{"splits 0+3", "sda 0+1", "splits 1+2", "sda 1+1", "splits 2+1", "sda 2+1"}),
              "hops");
  interposer_detach(one.bdev(), splits);
  one.finish();
}

// P6: a worker of the interposer writes to the bypass while a suspend waits for it.
SCENARIO(Interpose, ASuspendWaitsForAWorkersBios) {
  OneDisk one;
  TestInterposer era("era", one.bdev());
  check_equal(interposer_attach(one.bdev(), era), 0, "attach");
  rt::Thread worker("worker", [&] { write_some(one.bdev().below(), 7, 2); });
  posted_lock_write(one.bdev());
  worker.join();
  posted_unlock_write(one.bdev());
  check_equal(era.take_log(), Sectors{}, "the interposer got");
  interposer_detach(one.bdev(), era);
  one.finish();
}

}  // namespace
}  // namespace bioscope::blk
