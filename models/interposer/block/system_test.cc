// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/system.h"

#include <cerrno>

#include "models/interposer/block/freeze.h"
#include "models/interposer/block/testing/file_system.h"
#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/block/testing/stack.h"

namespace bioscope::blk {
namespace {

using testing::check;
using testing::check_equal;
using testing::OneDisk;
using testing::TestBio;
using testing::TestDisk;
using testing::TestDriver;
using testing::TestFileSystem;
using testing::TestInterposer;

SCENARIO(System, FindsDisksAndPartitionsByName) {
  System system;
  TestDisk memory(64);
  RequestDisk a(system, "a", memory, {}, 64);
  RequestDisk twin(system, "a", memory, {}, 64);
  check_equal(a.disk().add_partition(0, 8), 0, "a partition before");
  check_equal(system.add_disk(a.disk()), 0, "add_disk");
  check_equal(system.add_disk(twin.disk()), EBUSY, "the same name");
  check_equal(a.disk().add_partition(8, 8), 0, "a partition after");
  check(system.find("a") == &a.disk().whole(), "the disk");
  check(system.find("ap1") == a.disk().partitions()[0].get(), "the first partition");
  check(system.find("ap2") == a.disk().partitions()[1].get(), "the second partition");
  check(system.find("ap3") == nullptr, "no third");
  check_equal(a.disk().add_partition(15, 2), EBUSY, "it overlaps");
  check_equal(a.disk().add_partition(16, 0), EINVAL, "it is empty");
  check_equal(a.disk().add_partition(63, 2), EINVAL, "it is past the end");
  system.remove_disk(a.disk());
  check(system.find("a") == nullptr && system.find("ap1") == nullptr, "gone");
  check_equal(a.disk().add_partition(20, 2), ENXIO, "the disk is gone");
  check_equal(system.add_disk(twin.disk()), 0, "its name is free");
  const std::string& former = twin.disk().whole().name();
  check_equal(system.rename_disk(twin.disk(), "b"), 0, "rename");
  check_equal(former, std::string("a"), "who still looks at the former name");
  check(system.find("b") == &twin.disk().whole() && system.find("a") == nullptr, "renamed");
  check_equal(twin.disk().whole().below().name(), std::string("b"), "the bypass");
  system.remove_disk(twin.disk());
}

SCENARIO(System, ClaimsExcludeOthers) {
  OneDisk one;
  check_equal(one.sda.disk().add_partition(0, 8), 0, "add_partition");
  check_equal(one.sda.disk().add_partition(8, 8), 0, "add_partition");
  BlockDevice& disk = one.bdev();
  BlockDevice& first = *one.sda.disk().partitions()[0];
  BlockDevice& second = *one.sda.disk().partitions()[1];
  const int me = 0;
  const int other = 0;
  check_equal(first.open(&me), 0, "claim");
  check_equal(first.open(&me), 0, "claims nest");
  check_equal(first.open(&other), EBUSY, "somebody else's");
  check_equal(first.open(nullptr), 0, "a shared open");
  check_equal(second.open(&other), 0, "another partition");
  check_equal(disk.open(&me), EBUSY, "the disk of claimed partitions");
  check_equal(first.openers(), 3U, "openers");
  check_equal(disk.openers(), 4U, "openers of the disk");
  second.close(&other);
  first.close(nullptr);
  first.close(&me);
  check_equal(first.open(&other), EBUSY, "still claimed once");
  check_equal(disk.below().open(&me), EBUSY, "the disk by its bypass");
  first.close(&me);
  check(!first.claimed() && !disk.claimed(), "nobody claims them");
  check_equal(disk.open(&me), 0, "the disk");
  check_equal(first.open(&other), EBUSY, "a partition of a claimed disk");
  check_equal(disk.below().openers(), 1U, "openers by the bypass");
  disk.close(&me);
  check_equal(disk.openers(), 0U, "openers");
  one.system.remove_disk(one.sda.disk());
  check_equal(disk.open(&me), ENXIO, "a disk that is gone");
  check(!disk.claimed(), "a failed open does not claim");
  one.ledger.check_all_ended();
}

SCENARIO(System, ADriverMayRefuseAnOpen) {
  System system;
  TestDriver driver(system, "dm-0", 8, [](Bio& bio) { bio_endio(bio); });
  check_equal(system.add_disk(driver.disk()), 0, "add_disk");
  driver.refuse_opens(ENXIO);
  const int me = 0;
  check_equal(driver.bdev().open(&me), ENXIO, "open");
  check(!driver.bdev().claimed(), "not claimed");
  check_equal(driver.bdev().openers(), 0U, "openers");
  driver.refuse_opens(0);
  check_equal(driver.bdev().open(&me), 0, "open");
  driver.bdev().close(&me);
  system.remove_disk(driver.disk());
}

// P9: bios under way, bios that an interposer keeps, throttled ones, a mounted file system: the
// removal ends all of them and comes back.
SCENARIO(System, ARemovalHangsOnNothing) {
  OneDisk one;
  check_equal(one.sda.disk().add_partition(0, 64), 0, "add_partition");
  BlockDevice& partition = *one.sda.disk().partitions()[0];
  TestFileSystem mounted;
  check_equal(set_super_block(partition, mounted), 0, "mount");
  TestInterposer suspended("suspended", partition);
  check_equal(interposer_attach(partition, suspended), 0, "attach");
  suspended.suspend();
  TestBio deferred(partition, BioOp::Write, 1, 1);
  deferred.submit();
  TestBio racing(one.bdev(), BioOp::Write, 100, 1);
  rt::Thread writer("writer", [&] { racing.submit(); });
  one.memory.hold();
  TestBio under_way(one.bdev(), BioOp::Write, 200, 1);
  under_way.submit();
  rt::Thread disk("disk", [&] { one.memory.release(); });
  one.system.remove_disk(one.sda.disk());
  check(under_way.ended(), "the removal waits for what is under way");
  check_equal(under_way.wait(), 0, "what was under way");
  check_equal(deferred.wait(), EIO, "what was deferred");
  check_equal(suspended.died(), 1U, "the interposer heard of it");
  check_equal(mounted.syncs(), 1, "the file system was synced");
  writer.join();
  const int status = racing.wait();
  check(status == 0 || status == EIO, "what came meanwhile");
  check_equal(TestBio(partition, BioOp::Read, 0, 1).run(), EIO, "what comes later");
  clear_super_block(partition);
  one.ledger.check_all_ended();
}

SCENARIO(System, ARemovalEndsThrottledBios) {
  OneDisk one;
  one.sda.disk().throttle.set_sectors_per_second(1);
  TestBio first(one.bdev(), BioOp::Write, 0, 1);
  TestBio second(one.bdev(), BioOp::Write, 1, 100);
  TestBio third(one.bdev(), BioOp::Write, 2, 1);
  for (TestBio* bio : {&first, &second, &third}) bio->submit();
  check_equal(first.wait(), 0, "the first passes");
  one.system.remove_disk(one.sda.disk());
  check_equal(second.wait(), EIO, "the second");
  check_equal(third.wait(), EIO, "the third");
  check_equal(TestBio(one.bdev(), BioOp::Write, 2, 1).run(), EIO, "a later one");
  one.ledger.check_all_ended();
}

// The owner detaches while the disk is removed.
SCENARIO(System, ARemovalMeetsADetach) {
  OneDisk one;
  auto flakey = std::make_unique<TestInterposer>("flakey", one.bdev());
  check_equal(interposer_attach(one.bdev(), *flakey), 0, "attach");
  rt::Thread owner("owner", [&] { interposer_detach(one.bdev(), *flakey); });
  one.system.remove_disk(one.sda.disk());
  owner.join();
  check(flakey->died() <= 1, "told at most once");
  check(one.bdev().interposer == nullptr, "detached");
  one.ledger.check_all_ended();
}

TEST(System, OneWithDisksLeftFailsTheRun) {
  const rt::Outcome outcome = rt::run({}, [] {
    TestDisk memory(8);
    System system;
    RequestDisk disk(system, "sda", memory, {}, 8);
    check_equal(system.add_disk(disk.disk()), 0, "add_disk");
  });
  EXPECT_EQ(outcome.message, "~System: sda was not removed");
}

}  // namespace
}  // namespace bioscope::blk
