// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "models/interposer/block/freeze.h"
#include "models/interposer/dm/dm_test_machine.h"

namespace bioscope::dm {
namespace {

using Words = std::vector<std::string>;

// A file system that says what is done to it, and writes one sector when it is frozen.
class TestFileSystem final : public blk::SuperBlock {
 public:
  explicit TestFileSystem(blk::BlockDevice& bdev) : bdev_(bdev) {
    EXPECT_EQ(blk::set_super_block(bdev, *this), 0);
  }
  void unmount() { blk::clear_super_block(bdev_); }

  int sync_fs() override {
    ++syncs;
    if (error != 0) return error;
    std::vector<u8> sector(kSectorBytes, 0xf5);
    (void)blk::blkdev_write(bdev_, bdev_.nr_sectors() - 1, sector, 0);
    return 0;
  }
  int freeze_fs() override {
    ++freezes;
    return 0;
  }
  int unfreeze_fs() override {
    ++thaws;
    return 0;
  }
  // A file's write: held back while it is frozen.
  int write(u64 sector, u8 fill) {
    start_write();
    std::vector<u8> bytes(kSectorBytes, fill);
    const int result = blk::blkdev_write(bdev_, sector, bytes, 0);
    end_write();
    return result;
  }

  int error = 0;
  u32 syncs = 0;
  u32 freezes = 0;
  u32 thaws = 0;

 private:
  blk::BlockDevice& bdev_;
};

// P10: nothing of an interposer is left.
void expect_untouched(blk::BlockDevice& bdev, u32 openers = 0) {
  EXPECT_EQ(bdev.interposer, nullptr);
  EXPECT_EQ(bdev.openers(), openers);
  EXPECT_EQ(bdev.freeze_count, 0);
  EXPECT_EQ(bdev.queue().freeze_depth(), bdev.disk().dead() ? 1U : 0U);
}

ON_MACHINE(Attach, RedirectsAndLetsGo) {  // P2, P3, P10
  TestDisk& d0 = m.add_disk("d0");
  TestDisk& d1 = m.add_disk("d1");
  ASSERT_EQ(m.write("d0", 0, 1, 1), 0);
  ASSERT_EQ(m.make("a", "0 64 probe [interpose]d0 0", {.interpose = true}), 0);
  EXPECT_TRUE(m.info("a").interposing);
  EXPECT_EQ(m.text("a", StatusType::Table), "0 64 probe [interpose]d0 0");
  EXPECT_EQ(m.write("d0", 1, 2, 2), 0);
  EXPECT_EQ(m.write("a", 4, 1, 3), 0);
  EXPECT_EQ(m.probes().maps, (std::vector<std::pair<u64, u64>>{{1, 2}, {4, 1}}));
  EXPECT_EQ(d0.byte(2), 2);
  EXPECT_EQ(d0.byte(4), 3);
  // Another place, without a gap.
  ASSERT_EQ(m.load("a", "0 32 linear d1 0; 32 32 linear d1 32", {}), 0);
  ASSERT_EQ(m.mapper.clear({.name = "a"}), 0);
  EXPECT_EQ(m.info("a").open_count, 0U);
  ASSERT_EQ(m.remove("a"), 0);
  expect_untouched(d0.whole());
  expect_untouched(d1.whole());
  m.probes().maps.clear();
  EXPECT_EQ(m.write("d0", 5, 1, 4), 0);
  EXPECT_TRUE(m.probes().maps.empty());
  EXPECT_EQ(d0.byte(5), 4);
}

ON_MACHINE(Attach, WithoutPrefixTheOnlyDevice) {
  TestDisk& d0 = m.add_disk("d0");
  const int holder = 0;  // as a mount has it
  ASSERT_EQ(d0.whole().open(&holder), 0);
  ASSERT_EQ(m.make("a", "0 64 linear d0 0", {.interpose = true}), 0);
  EXPECT_EQ(d0.whole().openers(), 2U);
  EXPECT_EQ(m.write("d0", 5, 1, 4), 0);
  EXPECT_EQ(d0.byte(5), 4);
  EXPECT_EQ(m.text("a", StatusType::Table), "0 64 linear d0 0");
  Words names;
  ASSERT_EQ(m.mapper.deps({.name = "a"}, names), 0);
  EXPECT_EQ(names, (Words{"d0"}));
  ASSERT_EQ(m.remove("a"), 0);
  expect_untouched(d0.whole(), 1);
}

ON_MACHINE(Attach, LoadRefuses) {
  TestDisk& d0 = m.add_disk("d0");
  TestDisk& d1 = m.add_disk("d1");
  ASSERT_EQ(m.create("a"), 0);
  EXPECT_EQ(m.interpose("a", "0 64 linear [interposeX]d0 0"), EINVAL);
  EXPECT_EQ(m.interpose("a", "0 64 linear [interposed0 0"), EINVAL);
  EXPECT_EQ(m.interpose("a", "0 64 linear [bypass]d0 0"), EINVAL);
  EXPECT_EQ(m.load("a", "0 64 linear [bypass]d0 0"), EINVAL);
  EXPECT_EQ(m.interpose("a", "0 64 linear [interpose] 0"), ENODEV);
  EXPECT_EQ(m.interpose("a", "0 64 linear [interpose]d7 0"), ENODEV);
  EXPECT_EQ(m.interpose("a", "0 32 linear [interpose]d0 0; 32 32 linear [interpose]d1 0"), EINVAL);
  EXPECT_EQ(m.interpose("a", "0 32 linear d0 0; 32 32 linear d1 0"), EINVAL);
  EXPECT_EQ(m.interpose("a", "0 32 linear d0 0; 32 32 linear d0 32"), EINVAL);
  EXPECT_EQ(m.interpose("a", "0 63 linear d0 0"), EINVAL);
  EXPECT_EQ(m.interpose("a", ""), EINVAL);
  expect_untouched(d0.whole());
  expect_untouched(d1.whole());
  // Itself.
  ASSERT_EQ(m.load("a", "0 64 linear d0 0"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.interpose("a", "0 64 linear a 0"), EINVAL);
  EXPECT_EQ(d0.whole().openers(), 1U);
}

// The snapshot recipe: a second device on the interposed one, below the first.
ON_MACHINE(Attach, PrefixWithoutFlagReachesBelow) {
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("org", "0 64 probe d0 0", {.interpose = true}), 0);
  ASSERT_EQ(m.create("plain"), 0);
  ASSERT_EQ(m.load("plain", "0 8 linear [interpose]d0 8"), 0);
  ASSERT_EQ(m.resume("plain"), 0);
  EXPECT_FALSE(m.info("plain").interposing);
  EXPECT_EQ(m.write("plain", 0, 1, 6), 0);
  EXPECT_TRUE(m.probes().maps.empty());
  EXPECT_EQ(d0.byte(8), 6);
  EXPECT_EQ(m.text("plain", StatusType::Table), "0 8 linear [interpose]d0 8");
  ASSERT_EQ(m.remove("org"), 0);
  EXPECT_EQ(m.write("plain", 1, 1, 7), 0);
  EXPECT_EQ(d0.byte(9), 7);
  ASSERT_EQ(m.remove("plain"), 0);
  expect_untouched(d0.whole());
}

ON_MACHINE(Attach, FailsWithoutATrace) {  // P8
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 64 linear d0 0", {.interpose = true}), 0);
  ASSERT_EQ(m.create("b"), 0);
  ASSERT_EQ(m.interpose("b", "0 64 probe d0 0"), 0);
  EXPECT_EQ(m.resume("b"), EBUSY);
  DeviceInfo info = m.info("b");
  EXPECT_TRUE(info.suspended);
  EXPECT_FALSE(info.live_table);
  EXPECT_FALSE(info.inactive_table);
  EXPECT_FALSE(info.interposing);
  EXPECT_TRUE(m.probes().log.empty());
  EXPECT_EQ(d0.whole().openers(), 1U);
  EXPECT_EQ(m.write("d0", 0, 1, 1), 0);
  // It has grown since it was loaded.
  ASSERT_EQ(m.remove("a"), 0);
  ASSERT_EQ(m.interpose("b", "0 64 probe d0 0"), 0);
  d0.disk().resize(65);
  EXPECT_EQ(m.resume("b"), EINVAL);
  d0.disk().resize(64);
  expect_untouched(d0.whole());
  EXPECT_EQ(m.resume("b"), EINVAL);  // no table
  // A file system that cannot be frozen.
  TestFileSystem fs(d0.whole());
  fs.error = ENOSPC;
  ASSERT_EQ(m.interpose("b", "0 64 probe d0 0"), 0);
  EXPECT_EQ(m.resume("b"), ENOSPC);
  fs.error = 0;
  expect_untouched(d0.whole());
  EXPECT_EQ(fs.write(3, 3), 0);
  // A target that cannot resume: nobody waits for it.
  m.probes().preresume_error = EIO;
  ASSERT_EQ(m.interpose("b", "0 64 probe d0 0"), 0);
  EXPECT_EQ(m.resume("b"), EIO);
  info = m.info("b");
  EXPECT_TRUE(info.suspended && info.live_table && !info.interposing);
  expect_untouched(d0.whole(), 1);
  EXPECT_EQ(fs.write(3, 4), 0);
  EXPECT_EQ(d0.byte(3), 4);
  m.probes().preresume_error = 0;
  EXPECT_EQ(m.resume("b"), 0);
  EXPECT_TRUE(m.info("b").interposing);
  EXPECT_EQ(fs.write(3, 5), 0);
  EXPECT_FALSE(m.probes().maps.empty());
  ASSERT_EQ(m.remove("b"), 0);
  fs.unmount();
  expect_untouched(d0.whole());
}

ON_MACHINE(Attach, FreezesFileSystems) {  // M5, P5
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(d0.disk().add_partition(8, 16), 0);
  ASSERT_EQ(d0.disk().add_partition(32, 16), 0);
  blk::BlockDevice& p2 = *d0.disk().partitions()[1];
  TestFileSystem fs(p2);
  ASSERT_EQ(blk::freeze_bdev(p2), 0);  // somebody has frozen it already
  ASSERT_EQ(m.make("a", "0 64 probe d0 0", {.interpose = true}), 0);
  EXPECT_EQ(fs.freezes, 1U);
  EXPECT_TRUE(fs.frozen());
  ASSERT_EQ(blk::thaw_bdev(p2), 0);
  EXPECT_EQ(fs.write(1, 9), 0);
  EXPECT_EQ(m.probes().maps.back(), (std::pair<u64, u64>{33, 1}));
  // A suspend freezes it below the node, and as often as it was frozen it is thawed.
  ASSERT_EQ(m.suspend("a"), 0);
  EXPECT_TRUE(fs.frozen());
  EXPECT_EQ(fs.freezes, 2U);
  ASSERT_EQ(m.resume("a"), 0);
  EXPECT_FALSE(fs.frozen());
  ASSERT_EQ(m.suspend("a", {.skip_lockfs = true}), 0);
  EXPECT_FALSE(fs.frozen());
  ASSERT_EQ(m.resume("a"), 0);
  ASSERT_EQ(m.remove("a"), 0);
  EXPECT_EQ(fs.freezes, 3U);
  EXPECT_EQ(fs.thaws, 3U);
  fs.unmount();
  expect_untouched(p2);
  expect_untouched(d0.whole());
  // Alone on the partition.
  TestFileSystem other(*d0.disk().partitions()[0]);
  ASSERT_EQ(m.make("b", "0 16 probe d0p2 0", {.interpose = true}), 0);
  EXPECT_EQ(other.freezes, 0U);
  EXPECT_EQ(m.write("d0p2", 3, 1, 8), 0);
  EXPECT_EQ(m.probes().maps.back(), (std::pair<u64, u64>{3, 1}));
  EXPECT_EQ(d0.byte(35), 8);
  other.unmount();
}

ON_MACHINE(Attach, SuspendKeepsThePointer) {  // P2
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 64 probe d0 0", {.interpose = true}), 0);
  ASSERT_EQ(m.suspend("a"), 0);
  AsyncBios bios;
  bios.submit(d0.whole(), blk::BioOp::Write, 1, 1, 1);
  bios.submit(*m.system.find("a"), blk::BioOp::Write, 2, 1, 2);
  EXPECT_EQ(bios.ended(), 0U);
  EXPECT_EQ(m.write("d0", 0, 1, 1, blk::kReqRahead), EIO);
  ASSERT_EQ(m.resume("a"), 0);
  bios.wait();
  EXPECT_EQ(m.probes().maps, (std::vector<std::pair<u64, u64>>{{1, 1}, {2, 1}}));
}

ON_MACHINE(Attach, PlainTableDetaches) {  // M6
  TestDisk& d0 = m.add_disk("d0");
  TestFileSystem fs(d0.whole());
  ASSERT_EQ(m.make("a", "0 64 probe d0 0", {.interpose = true}), 0);
  ASSERT_EQ(m.suspend("a"), 0);
  m.probes().maps.clear();  // of the freeze
  AsyncBios bios;
  bios.submit(d0.whole(), blk::BioOp::Write, 1, 1, 1);
  bios.submit(*m.system.find("a"), blk::BioOp::Write, 2, 1, 2);
  ASSERT_EQ(m.load("a", "0 8 linear d0 16"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  bios.wait();
  EXPECT_TRUE(m.probes().maps.empty());
  EXPECT_EQ(d0.byte(1), 1);   // to the original
  EXPECT_EQ(d0.byte(18), 2);  // its own, by the new table
  EXPECT_FALSE(m.info("a").interposing);
  EXPECT_FALSE(fs.frozen());
  fs.unmount();
  expect_untouched(d0.whole(), 1);
  // And attached again.
  ASSERT_EQ(m.interpose("a", "0 64 probe d0 0"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.write("d0", 1, 1, 1), 0);
  EXPECT_EQ(m.probes().maps.size(), 1U);
}

// Every write after attach, across reloads and until detach goes by one of the tables.
ON_MACHINE(Attach, NothingPassesBy) {  // P1, P2, P4
  TestDisk& d0 = m.add_disk("d0");
  bool attached = false;
  bool leaving = false;
  u32 written = 0;
  rt::Thread writer("writer", [&] {
    for (u8 i = 0; i < 6; ++i) {
      const bool before = attached;
      const std::size_t maps = m.probes().maps.size();
      EXPECT_EQ(m.write("d0", i, 1, 1), 0);
      if (before && !leaving) {
        EXPECT_EQ(m.probes().maps.size(), maps + 1);
        ++written;
      }
    }
  });
  ASSERT_EQ(m.make("a", "0 64 probe d0 0", {.interpose = true}), 0);
  attached = true;
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(m.interpose("a", "0 64 probe d0 0 max=4"), 0);
    ASSERT_EQ(m.resume("a"), 0);
  }
  leaving = true;
  ASSERT_EQ(m.remove("a"), 0);
  const std::size_t maps = m.probes().maps.size();
  EXPECT_EQ(m.probes().ended, maps);
  writer.join();
  EXPECT_EQ(m.probes().maps.size(), maps);  // P3
  expect_untouched(d0.whole());
}

ON_MACHINE(Attach, RemoveMeetsOpeners) {  // R34
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 64 probe d0 0", {.interpose = true}), 0);
  blk::BlockDevice* a = nullptr;
  ASSERT_EQ(m.system.open("a", nullptr, a), 0);
  EXPECT_EQ(m.remove("a"), EBUSY);
  EXPECT_EQ(m.write("d0", 1, 1, 1), 0);
  EXPECT_EQ(m.probes().maps.size(), 1U);
  EXPECT_EQ(m.remove("a", {.deferred = true}), 0);
  EXPECT_EQ(m.write("d0", 1, 1, 1), 0);
  EXPECT_EQ(m.probes().maps.size(), 2U);
  a->close(nullptr);
  DeviceInfo info;
  while (m.mapper.info({.name = "a"}, info) == 0) rt::yield();
  expect_untouched(d0.whole());
}

ON_MACHINE(Attach, RemoveWhileSuspended) {
  TestDisk& d0 = m.add_disk("d0");
  TestFileSystem fs(d0.whole());
  ASSERT_EQ(m.make("a", "0 64 probe d0 0", {.interpose = true}), 0);
  ASSERT_EQ(m.suspend("a"), 0);
  AsyncBios bios;
  bios.submit(d0.whole(), blk::BioOp::Write, 1, 1, 7);
  ASSERT_EQ(m.remove("a"), 0);
  bios.wait();
  EXPECT_EQ(bios.error(0), 0);
  EXPECT_EQ(d0.byte(1), 7);
  EXPECT_FALSE(fs.frozen());
  fs.unmount();
  expect_untouched(d0.whole());
}

ON_MACHINE(Attach, RemoveThatCannotFreeze) {  // P8
  TestDisk& d0 = m.add_disk("d0");
  TestFileSystem fs(d0.whole());
  ASSERT_EQ(m.make("a", "0 64 probe d0 0", {.interpose = true}), 0);
  fs.error = ENOSPC;
  EXPECT_EQ(m.remove("a"), ENOSPC);
  fs.error = 0;
  EXPECT_TRUE(m.info("a").interposing);
  EXPECT_EQ(fs.write(3, 3), 0);
  EXPECT_EQ(m.write("a", 4, 1, 4), 0);
  EXPECT_EQ(m.remove("a"), 0);
  fs.unmount();
  expect_untouched(d0.whole());
}

ON_MACHINE(Attach, UnawareWritersAreMeasured) {  // S4, R5
  blk::QueueLimits limits;
  limits.nowait = true;
  limits.write_cache = true;
  limits.max_discard_sectors = 8;
  limits.discard_granularity_bytes = 512;
  limits.max_write_zeroes_sectors = 8;
  m.add_disk("d0", limits);
  m.add_disk("d1");
  ASSERT_EQ(m.make("a", "0 64 probe d0 0 nowait=0 discard=0 flush=0", {.interpose = true}), 0);
  EXPECT_EQ(m.write("d0", 0, 1, 1, blk::kReqNowait), EAGAIN);
  EXPECT_EQ(m.issue("d0", blk::BioOp::Discard, 0, 4), EOPNOTSUPP);
  EXPECT_EQ(m.issue("d0", blk::BioOp::WriteZeroes, 0, 4), EOPNOTSUPP);
  EXPECT_EQ(m.issue("d0", blk::BioOp::Write, 0, 0, blk::kReqPreflush), 0);
  EXPECT_EQ(m.write("d0", 0, 1, 1, blk::kReqPreflush | blk::kReqFua), 0);
  EXPECT_EQ(m.probes().maps.size(), 1U);
  EXPECT_EQ(m.write("a", 0, 1, 1, blk::kReqNowait), EOPNOTSUPP);
  ASSERT_EQ(m.suspend("a"), 0);
  EXPECT_EQ(m.write("d0", 0, 1, 1, blk::kReqNowait), EAGAIN);
  ASSERT_EQ(m.resume("a"), 0);
  // As much as is offered goes through, split by the limits of the interposer.
  ASSERT_EQ(m.interpose("a", "0 64 probe d0 0"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  m.probes().maps.clear();
  EXPECT_EQ(m.write("d0", 0, 1, 1, blk::kReqNowait), 0);
  EXPECT_EQ(m.issue("d0", blk::BioOp::Discard, 0, 12), 0);
  EXPECT_EQ(m.probes().maps, (std::vector<std::pair<u64, u64>>{{0, 1}, {0, 8}, {8, 4}}));
}

ON_MACHINE(Attach, OriginalIsResized) {  // P9
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 64 probe d0 0", {.interpose = true}), 0);
  d0.disk().resize(128);
  EXPECT_EQ(m.write("d0", 60, 8, 1), EIO);
  EXPECT_EQ(m.write("d0", 64, 1, 1), EIO);
  EXPECT_TRUE(m.probes().maps.empty());
  EXPECT_EQ(m.write("d0", 63, 1, 1), 0);
  // A reload has to be for the size that it finds, a resume not.
  EXPECT_EQ(m.interpose("a", "0 64 probe d0 0"), EINVAL);
  ASSERT_EQ(m.interpose("a", "0 128 probe d0 0"), 0);
  d0.disk().resize(256);
  EXPECT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.write("d0", 100, 1, 1), EIO);  // past the memory of the disk
  EXPECT_EQ(m.write("d0", 128, 1, 1), EIO);
  d0.disk().resize(32);
  EXPECT_EQ(m.write("a", 40, 1, 1), EIO);
  ASSERT_EQ(m.remove("a"), 0);
  d0.disk().resize(64);
  expect_untouched(d0.whole());
}

ON_MACHINE(Attach, OriginalGoesAway) {  // M7, P9
  TestDisk& d0 = m.add_disk("d0");
  TestFileSystem fs(d0.whole());
  ASSERT_EQ(m.make("a", "0 64 probe d0 0", {.interpose = true}), 0);
  ASSERT_EQ(m.suspend("a"), 0);
  AsyncBios bios;
  bios.submit(d0.whole(), blk::BioOp::Write, 1, 1, 1);
  int file_error = -1;
  rt::Thread file("file", [&] { file_error = fs.write(2, 2); });
  m.system.remove_disk(d0.disk());
  bios.wait();
  EXPECT_EQ(bios.error(0), EIO);
  file.join();
  EXPECT_EQ(file_error, EIO);
  EXPECT_FALSE(fs.frozen());
  fs.unmount();
  EXPECT_FALSE(m.info("a").interposing);
  EXPECT_TRUE(m.info("a").suspended);
  EXPECT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.write("a", 0, 1, 1), EIO);
  EXPECT_EQ(m.interpose("a", "0 64 probe d0 0"), ENODEV);
  ASSERT_EQ(m.remove("a"), 0);
  expect_untouched(d0.whole());
}

ON_MACHINE(Attach, OriginalGoesAwayBeforeTheResume) {  // P8
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.create("a"), 0);
  ASSERT_EQ(m.interpose("a", "0 64 probe d0 0"), 0);
  m.system.remove_disk(d0.disk());
  EXPECT_EQ(m.resume("a"), ENODEV);
  EXPECT_FALSE(m.info("a").live_table);
  EXPECT_EQ(d0.whole().openers(), 0U);
}

ON_MACHINE(Attach, OriginalGoesAwayAtAnyTime) {  // P9
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.create("a"), 0);
  ASSERT_EQ(m.interpose("a", "0 64 probe d0 0"), 0);
  rt::Thread writer("writer", [&] {
    AsyncBios bios;
    for (u8 i = 0; i < 3; ++i) bios.submit(d0.whole(), blk::BioOp::Write, i, 1, i);
    bios.wait();
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(bios.error(i) == 0 || bios.error(i) == EIO);
  });
  rt::Thread driver("driver", [&] {
    const int error = m.resume("a");
    EXPECT_TRUE(error == 0 || error == ENODEV);
    EXPECT_EQ(m.suspend("a"), 0);
    EXPECT_EQ(m.resume("a"), error == 0 ? 0 : EINVAL);
    EXPECT_EQ(m.remove("a"), 0);
  });
  m.system.remove_disk(d0.disk());
  writer.join();
  driver.join();
  expect_untouched(d0.whole());
}

ON_MACHINE(Attach, MappedDeviceAsOriginal) {  // P5, P7
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("low", "0 64 probe d0 0"), 0);
  blk::BlockDevice& low = *m.system.find("low");
  m.probes().hold = true;
  AsyncBios bios;
  bios.submit(low, blk::BioOp::Write, 1, 1, 1);
  ASSERT_EQ(m.create("a"), 0);
  ASSERT_EQ(m.interpose("a", "0 64 linear low 0"), 0);
  bool attached = false;
  rt::Thread attacher("attacher", [&] {
    EXPECT_EQ(m.resume("a"), 0);
    attached = true;
  });
  rt::sleep_ms(1);
  EXPECT_FALSE(attached);  // a bio is inside of the original still
  bios.submit(low, blk::BioOp::Write, 2, 1, 2);
  m.probes().release();
  attacher.join();
  bios.wait();
  EXPECT_EQ(d0.byte(2), 2);
  EXPECT_EQ(m.remove("low"), EBUSY);
  EXPECT_EQ(m.write("low", 3, 1, 3), 0);
  EXPECT_EQ(m.probes().maps.size(), 3U);  // one hop each
  // Another one above, and the disk itself as well.
  ASSERT_EQ(m.make("d", "0 64 linear [interpose]d0 0", {.interpose = true}), 0);
  EXPECT_EQ(m.write("low", 4, 1, 4), 0);
  EXPECT_EQ(m.probes().maps.size(), 4U);
  EXPECT_EQ(d0.byte(4), 4);
  ASSERT_EQ(m.remove("a"), 0);
  ASSERT_EQ(m.remove("d"), 0);
  expect_untouched(low);
  ASSERT_EQ(m.remove("low"), 0);
  expect_untouched(d0.whole());
}

ON_MACHINE(Attach, PartitionAndDiskTogether) {  // P7
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(d0.disk().add_partition(16, 16), 0);
  ASSERT_EQ(m.make("part", "0 16 probe d0p1 0 max=4", {.interpose = true}), 0);
  ASSERT_EQ(m.make("disk", "0 64 probe d0 0", {.interpose = true}), 0);
  EXPECT_EQ(m.write("d0p1", 2, 4, 1), 0);
  EXPECT_EQ(m.probes().maps, (std::vector<std::pair<u64, u64>>{{2, 2}, {18, 2}, {4, 2}, {20, 2}}));
  EXPECT_EQ(d0.byte(21), 1);
  ASSERT_EQ(m.remove("part"), 0);
  m.probes().maps.clear();
  ASSERT_EQ(m.suspend("disk"), 0);
  AsyncBios bios;
  bios.submit(*d0.disk().partitions()[0], blk::BioOp::Write, 5, 1, 9);
  ASSERT_EQ(m.resume("disk"), 0);
  bios.wait();
  EXPECT_EQ(m.probes().maps, (std::vector<std::pair<u64, u64>>{{21, 1}}));
  EXPECT_EQ(d0.byte(21), 9);
  ASSERT_EQ(m.remove("disk"), 0);
  expect_untouched(*d0.disk().partitions()[0]);
  expect_untouched(d0.whole());
}

ON_MACHINE(Attach, FileSystemWritesThroughEverything) {  // P5, P6
  TestDisk& d0 = m.add_disk("d0");
  TestFileSystem fs(d0.whole());
  rt::Thread file("file", [&] {
    for (u8 i = 0; i < 5; ++i) EXPECT_EQ(fs.write(i, i + 1), 0);
  });
  ASSERT_EQ(m.make("a", "0 64 probe d0 0", {.interpose = true}), 0);
  ASSERT_EQ(m.suspend("a"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  ASSERT_EQ(m.interpose("a", "0 64 linear d0 0"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  ASSERT_EQ(m.load("a", "0 8 linear [interpose]d0 0"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  file.join();
  for (u8 i = 0; i < 5; ++i) EXPECT_EQ(d0.byte(i), i + 1);
  EXPECT_EQ(fs.freezes, fs.thaws);
  EXPECT_EQ(fs.freezes, 4U);
  fs.unmount();
  ASSERT_EQ(m.remove("a"), 0);
  expect_untouched(d0.whole());
}

}  // namespace
}  // namespace bioscope::dm
