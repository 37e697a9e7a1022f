// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "models/interposer/dm/dm_test_machine.h"

namespace bioscope::dm {
namespace {

using Bytes = std::vector<u8>;
using Words = std::vector<std::string>;

ON_MACHINE(Ioctl, MapsAndRemoves) {
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.make("org", "0 16 linear d0 8"), 0);
  EXPECT_EQ(m.write("org", 0, 4, 7), 0);
  EXPECT_EQ(d0.byte(8), 7);
  EXPECT_EQ(d0.byte(11), 7);
  EXPECT_EQ(d0.byte(12), 0);
  Bytes bytes;
  EXPECT_EQ(m.read("org", 3, 2, bytes), 0);
  EXPECT_EQ(bytes, (Bytes{7, 0}));
  EXPECT_EQ(m.text("org", StatusType::Table), "0 16 linear d0 8");
  EXPECT_EQ(m.text("org", StatusType::Info), "0 16 linear");
  EXPECT_EQ(d0.whole().openers(), 1U);
  EXPECT_EQ(m.remove("org"), 0);
  EXPECT_EQ(d0.whole().openers(), 0U);
  EXPECT_EQ(m.system.find("org"), nullptr);
}

ON_MACHINE(Ioctl, CreateRefuses) {  // R26
  EXPECT_EQ(m.mapper.create("a/b", "", -1), EINVAL);
  EXPECT_EQ(m.mapper.create("", "", -1), EINVAL);
  EXPECT_EQ(m.mapper.create(std::string(128, 'x'), "", -1), EINVAL);
  EXPECT_EQ(m.mapper.create("a", "u", 3), 0);
  EXPECT_EQ(m.mapper.create("a", "", -1), EBUSY);
  EXPECT_EQ(m.mapper.create("b", "u", -1), EBUSY);
  EXPECT_EQ(m.mapper.create("b", "", 3), ENXIO);
  EXPECT_EQ(m.mapper.create("b", "", -1), 0);
  EXPECT_EQ(m.info("b").minor, 0);
  EXPECT_EQ(m.mapper.names(), (Words{"a", "b"}));
}

ON_MACHINE(Ioctl, FindsByOneIdentifier) {  // R27
  ASSERT_EQ(m.mapper.create("a", "u", 5), 0);
  DeviceInfo info;
  EXPECT_EQ(m.mapper.info({.uuid = "u"}, info), 0);
  EXPECT_EQ(info.name, "a");
  EXPECT_EQ(m.mapper.info({.minor = 5}, info), 0);
  EXPECT_EQ(m.mapper.info({.name = "b"}, info), ENXIO);
  EXPECT_EQ(m.mapper.info({}, info), ENXIO);
  EXPECT_EQ(m.mapper.info({.name = "a", .uuid = "u"}, info), EINVAL);
  EXPECT_EQ(m.mapper.info({.name = "a", .minor = 5}, info), ENXIO);
  EXPECT_EQ(m.mapper.info({.uuid = "u", .minor = 5}, info), ENXIO);
}

ON_MACHINE(Ioctl, LoadRefuses) {  // R29
  TestDisk& d0 = m.add_disk("d0");
  ASSERT_EQ(m.create("a"), 0);
  EXPECT_EQ(m.load("a", ""), EINVAL);
  EXPECT_EQ(m.load("a", "0 0 linear d0 0"), EINVAL);
  EXPECT_EQ(m.load("a", "1 8 linear d0 0"), EINVAL);
  EXPECT_EQ(m.load("a", "0 8 linear d0 0; 9 8 linear d0 8"), EINVAL);
  EXPECT_EQ(m.load("a", "0 8 linear d0 0; 7 8 linear d0 8"), EINVAL);
  EXPECT_EQ(m.load("a", "0 8 linnear d0 0"), EINVAL);
  EXPECT_EQ(m.load("a", "0 8 linear d9 0"), ENODEV);
  EXPECT_EQ(m.load("a", "0 8 linear d0 x"), EINVAL);
  EXPECT_EQ(m.load("a", "0 8 linear d0"), EINVAL);
  EXPECT_EQ(m.load("a", "0 18014398509481984 linear d0 0"), EINVAL);
  EXPECT_EQ(m.load("a", "0 8 lonely d0 0; 8 8 linear d0 8"), EINVAL);
  EXPECT_EQ(m.load("a", "0 8 linear d0 0; 8 8 lonely d0 8"), EINVAL);
  EXPECT_EQ(m.load("a", "0 8 linear d0 0; 8 8 immutable d0 8"), EINVAL);
  EXPECT_EQ(m.load("b", "0 8 linear d0 0"), ENXIO);
  // The first table has to fit at once, since the disk gets its limits from it.
  EXPECT_EQ(m.load("a", "0 8 linear d0 60"), EINVAL);
  EXPECT_EQ(d0.whole().openers(), 0U);
  EXPECT_FALSE(m.info("a").inactive_table);
}

TEST(Ioctl, LoadRefusesTooManyTargets) {  // R29
  const rt::Outcome outcome = rt::run({}, [] {
    TestMachine m;
    ASSERT_EQ(m.create("a"), 0);
    const std::vector<TargetLine> lines(1048577);
    EXPECT_EQ(m.mapper.load({.name = "a"}, lines, {}, m.why), EOVERFLOW);
    m.shut_down();
  });
  EXPECT_EQ(outcome.end, rt::End::Finished);
}

ON_MACHINE(Ioctl, LoadMeetsClaims) {
  TestDisk& d0 = m.add_disk("d0");
  const int holder = 0;
  ASSERT_EQ(d0.whole().open(&holder), 0);
  ASSERT_EQ(m.create("a"), 0);
  EXPECT_EQ(m.load("a", "0 8 linear d0 0"), EBUSY);
  d0.whole().close(&holder);
  // Device mapper claims for all of its devices.
  EXPECT_EQ(m.load("a", "0 8 linear d0 0; 8 8 linear d0 0"), 0);
  EXPECT_EQ(m.make("b", "0 8 linear d0 0"), 0);
  EXPECT_EQ(d0.whole().openers(), 2U);
  EXPECT_EQ(d0.whole().open(&holder), EBUSY);
}

ON_MACHINE(Ioctl, LaterLoadReplacesAndClearDrops) {  // R30
  TestDisk& d0 = m.add_disk("d0");
  TestDisk& d1 = m.add_disk("d1");
  ASSERT_EQ(m.create("a"), 0);
  ASSERT_EQ(m.load("a", "0 8 linear d0 0"), 0);
  EXPECT_TRUE(m.info("a").inactive_table);
  ASSERT_EQ(m.load("a", "0 8 linear d1 0"), 0);
  EXPECT_EQ(d0.whole().openers(), 0U);
  EXPECT_EQ(d1.whole().openers(), 1U);
  ASSERT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.text("a", StatusType::Table), "0 8 linear d1 0");
  ASSERT_EQ(m.load("a", "0 8 linear d0 0"), 0);
  ASSERT_EQ(m.mapper.clear({.name = "a"}), 0);
  EXPECT_EQ(d0.whole().openers(), 0U);
  ASSERT_EQ(m.suspend("a"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.text("a", StatusType::Table), "0 8 linear d1 0");
  EXPECT_EQ(m.mapper.clear({.name = "a"}), 0);
}

ON_MACHINE(Ioctl, SuspendAndResumeAreIdempotent) {  // R31
  m.add_disk("d0");
  ASSERT_EQ(m.create("a"), 0);
  EXPECT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.suspend("a"), 0);
  EXPECT_EQ(m.suspend("a"), 0);
  EXPECT_EQ(m.resume("a"), EINVAL);
  ASSERT_EQ(m.load("a", "0 8 linear d0 0"), 0);
  EXPECT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.resume("a"), 0);
  EXPECT_FALSE(m.info("a").suspended);
}

ON_MACHINE(Ioctl, FailedSwapDestroysTheTable) {  // R32
  TestDisk& d0 = m.add_disk("d0");
  TestDisk& d1 = m.add_disk("d1");
  ASSERT_EQ(m.make("a", "0 8 linear d0 0"), 0);
  ASSERT_EQ(m.load("a", "0 8 linear d1 60"), 0);  // not the first: measured when it is resumed
  EXPECT_EQ(m.resume("a"), EINVAL);
  DeviceInfo info = m.info("a");
  EXPECT_TRUE(info.suspended);
  EXPECT_TRUE(info.live_table);
  EXPECT_FALSE(info.inactive_table);
  EXPECT_EQ(d1.whole().openers(), 0U);
  EXPECT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.text("a", StatusType::Table), "0 8 linear d0 0");
  EXPECT_EQ(m.write("a", 0, 1, 5), 0);
  EXPECT_EQ(d0.byte(0), 5);
}

ON_MACHINE(Ioctl, RemoveMeetsOpeners) {  // R34
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 linear d0 0"), 0);
  blk::BlockDevice& a = *m.system.find("a");
  ASSERT_EQ(a.open(nullptr), 0);
  EXPECT_EQ(m.info("a").open_count, 1U);
  EXPECT_EQ(m.remove("a"), EBUSY);
  EXPECT_EQ(m.remove("a", {.deferred = true}), 0);
  EXPECT_TRUE(m.info("a").deferred_remove);
  std::string reply;
  EXPECT_EQ(m.mapper.message({.name = "a"}, 0, {"@cancel_deferred_remove"}, reply), 0);
  EXPECT_FALSE(m.info("a").deferred_remove);
  EXPECT_EQ(m.remove("a", {.deferred = true}), 0);
  EXPECT_EQ(a.open(nullptr), 0);  // it is open still
  a.close(nullptr);
  a.close(nullptr);
  DeviceInfo info;
  while (m.mapper.info({.name = "a"}, info) == 0) rt::yield();
  EXPECT_EQ(m.create("a"), 0);
  EXPECT_EQ(m.remove("a", {.deferred = true}), 0);
  EXPECT_EQ(m.remove("a"), ENXIO);
}

ON_MACHINE(Ioctl, OpenRacesRemove) {  // R34
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 linear d0 0"), 0);
  int open_error = -1;
  blk::BlockDevice* a = nullptr;
  rt::Thread opener("opener", [&] { open_error = m.system.open("a", nullptr, a); });
  const int remove_error = m.remove("a");
  opener.join();
  if (remove_error == 0) {
    EXPECT_TRUE(open_error == ENXIO || open_error == ENODEV);
    return;
  }
  EXPECT_EQ(remove_error, EBUSY);
  ASSERT_EQ(open_error, 0);
  a->close(nullptr);
}

ON_MACHINE(Ioctl, RenamesAndIdentifies) {
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 linear d0 0"), 0);
  ASSERT_EQ(m.create("b"), 0);
  EXPECT_EQ(m.mapper.rename({.name = "a"}, "b"), EBUSY);
  EXPECT_EQ(m.mapper.rename({.name = "a"}, "x/y"), EINVAL);
  EXPECT_EQ(m.mapper.rename({.name = "z"}, "y"), ENXIO);
  EXPECT_EQ(m.mapper.rename({.name = "a"}, "c"), 0);
  DeviceInfo info;
  EXPECT_EQ(m.mapper.info({.name = "a"}, info), ENXIO);
  EXPECT_EQ(m.write("c", 0, 1, 3), 0);
  EXPECT_EQ(m.system.find("a"), nullptr);
  EXPECT_EQ(m.mapper.rename({.name = "b"}, "a"), 0);  // before its disk is there
  ASSERT_EQ(m.load("a", "0 8 linear d0 8"), 0);
  EXPECT_NE(m.system.find("a"), nullptr);
  EXPECT_EQ(m.mapper.set_uuid({.name = "a"}, "U"), 0);
  EXPECT_EQ(m.mapper.set_uuid({.name = "c"}, "U"), EBUSY);
  EXPECT_EQ(m.mapper.set_uuid({.name = "a"}, "V"), EINVAL);
  EXPECT_EQ(m.info("a").uuid, "U");
}

ON_MACHINE(Ioctl, AsksTargets) {
  m.add_disk("d0");
  m.add_disk("d1");
  std::string reply;
  ASSERT_EQ(m.create("a"), 0);
  EXPECT_EQ(m.mapper.message({.name = "a"}, 0, {"hello"}, reply), EINVAL);
  ASSERT_EQ(m.load("a", "0 8 probe d1 0; 8 8 linear d0 0; 16 8 probe d1 8"), 0);
  ASSERT_EQ(m.resume("a"), 0);
  EXPECT_EQ(m.mapper.message({.name = "a"}, 7, {"hello"}, reply), 0);
  EXPECT_EQ(reply, "heard hello");
  EXPECT_EQ(m.mapper.message({.name = "a"}, 8, {"hello"}, reply), EINVAL);
  EXPECT_EQ(m.mapper.message({.name = "a"}, 16, {"no"}, reply), EIO);
  EXPECT_EQ(m.mapper.message({.name = "a"}, 24, {"hello"}, reply), EINVAL);
  EXPECT_EQ(m.mapper.message({.name = "a"}, 0, {}, reply), EINVAL);
  EXPECT_EQ(m.mapper.message({.name = "a"}, 0, {"@stats_list"}, reply), EINVAL);
  Words names;
  EXPECT_EQ(m.mapper.deps({.name = "a"}, names), 0);
  EXPECT_EQ(names, (Words{"d0", "d1"}));
  EXPECT_EQ(m.text("a", StatusType::Info), "0 8 probe probing; 8 8 linear; 16 8 probe probing");
  const DeviceInfo info = m.info("a");
  EXPECT_EQ(info.target_count, 3U);
  EXPECT_FALSE(info.read_only);
  ASSERT_EQ(m.make("r", "0 8 linear a 0", {.read_only = true}), 0);
  EXPECT_TRUE(m.info("r").read_only);
  EXPECT_EQ(m.info("a").open_count, 1U);
}

ON_MACHINE(Ioctl, ImmutableStays) {  // R29
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 immutable d0 0"), 0);
  EXPECT_EQ(m.load("a", "0 8 linear d0 0"), EINVAL);
  EXPECT_EQ(m.load("a", "0 16 immutable d0 0"), 0);
}

ON_MACHINE(Ioctl, EventsWakeThoseThatWait) {
  m.add_disk("d0");
  ASSERT_EQ(m.make("a", "0 8 linear d0 0"), 0);
  DeviceInfo seen;
  int error = -1;
  rt::Thread waiter("waiter", [&] { error = m.mapper.wait_event({.name = "a"}, 0, seen); });
  ASSERT_EQ(m.mapper.rename({.name = "a"}, "b"), 0);
  rt::Thread late("late", [&] {
    DeviceInfo info;
    EXPECT_EQ(m.mapper.wait_event({.name = "b"}, 1, info), 0);
  });
  waiter.join();
  // The name that it waits by is found before or after the rename.
  EXPECT_TRUE(error == 0 || error == ENXIO);
  EXPECT_EQ(m.info("b").event_nr, 1U);
  ASSERT_EQ(m.remove("b"), 0);
}

}  // namespace
}  // namespace bioscope::dm
