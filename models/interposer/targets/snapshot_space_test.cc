// SPDX-License-Identifier: Apache-2.0
// Stores that fill up, I/O that fails, and snapshots that are lost (R68 to R70).
#include <cerrno>

#include "models/interposer/targets/snapshot.h"
#include "models/interposer/targets/testing/snapshot_world.h"

namespace bioscope::dm {
namespace {

using testing::check;
using testing::check_equal;
using testing::TestBio;
using testing::World;

u32 event_number(World& world, const std::string& name) {
  DeviceInfo info;
  check_equal(world.mapper->info({.name = name}, info), 0, "info");
  return info.event_nr;
}

// 16 sectors hold two chunks of a transient snapshot.
SCENARIO(SnapshotSpace, ATransientOneIsInvalidWhenAWriteFindsNoRoom) {
  World world(128, 16);
  world.origin_and_snapshot("0 128 snapshot d0 c0 N 8");
  world.write("snap", 0, 8, 'S');
  world.write("snap", 8, 8, 'T');
  check_equal(world.status("snap"), "16/16 0", "full");
  check_equal(world.shown("snap"), "STAAAAAAAAAAAAAA", "the snapshot");
  world.write("snap", 4, 8, 'U');  // both chunks are there
  const u32 before = event_number(world, "snap");
  check_equal(world.try_write("snap", 16, 8, 'V'), EIO, "a third chunk");
  check_equal(world.status("snap"), "Invalid", "status");
  check_equal(event_number(world, "snap"), before + 1, "events");
  check_equal(world.try_read("snap", 0, 8), EIO, "a read of what was written");
  check_equal(world.try_read("snap", 64, 8), EIO, "a read of what never was");
  check_equal(world.try_write("snap", 0, 8, 'W'), EIO, "a write");
  world.flush("snap");
  world.write("org", 0, 128, 'B');
  check_equal(world.shown("org"), "BBBBBBBBBBBBBBBB", "the origin");
  world.finish();
}

SCENARIO(SnapshotSpace, AnOriginWriteWithoutRoomGoesOn) {
  World world(128, 16);
  world.origin_and_snapshot("0 128 snapshot d0 c0 N 8");
  world.write("org", 0, 24, 'B');
  check_equal(world.status("snap"), "Invalid", "status");
  check_equal(world.shown("org"), "BBBAAAAAAAAAAAAA", "the origin");
  world.finish();
}

// 32 sectors: header, area, two chunks of data.
SCENARIO(SnapshotSpace, OverflowLeavesASnapshotThatCanBeRead) {
  World world(128, 32);
  world.origin_and_snapshot("0 128 snapshot d0 c0 PO 8");
  world.write("snap", 0, 16, 'S');
  check_equal(world.status("snap"), "32/32 16", "full");
  check_equal(world.try_write("snap", 16, 8, 'T'), EIO, "a third chunk");
  check_equal(world.status("snap"), "Overflow", "status");
  check_equal(world.shown("snap"), "SSAAAAAAAAAAAAAA", "the snapshot");
  check_equal(world.try_write("snap", 0, 8, 'U'), EIO, "a write to a chunk that is there");
  world.write("org", 64, 8, 'B');  // now nobody can help
  check_equal(world.status("snap"), "Invalid", "status after an origin write");
  check_equal(world.try_read("snap", 0, 8), EIO, "a read");
  world.finish();
}

SCENARIO(SnapshotSpace, WithoutPoAPersistentOneIsInvalidForGood) {
  World world(128, 32);
  world.origin_and_snapshot("0 128 snapshot d0 c0 P 8");
  world.write("snap", 0, 16, 'S');
  check_equal(world.try_write("snap", 16, 8, 'T'), EIO, "a third chunk");
  check_equal(world.status("snap"), "Invalid", "status");
  check_equal(world.bytes("c0", 0, 1)[4], u8{0}, "the header's valid flag");
  world.reboot();
  world.create("snap", "0 128 snapshot d0 c0 P 8");
  check_equal(world.status("snap"), "Invalid", "after a reboot");
  check_equal(world.try_read("snap", 0, 8), EIO, "a read");
  world.finish();
}

// An area that is full at the end of the device has no place for the next one.
SCENARIO(SnapshotSpace, TheLastAreaThatFillsHasNoNextOne) {
  World world(128, 34);  // chunks of 1: header, area 0, 32 chunks
  world.create("org", World::origin_line());
  world.create("snap", "0 128 snapshot d0 c0 P 1");
  world.suspend("org");
  world.resume("org");
  world.write("org", 0, 31, 'B');
  check_equal(world.status("snap"), "33/34 2", "31 exceptions");
  world.write("org", 31, 1, 'B');
  check_equal(world.status("snap"), "Invalid", "the 32nd");
  world.finish();
}

SCENARIO(SnapshotSpace, ACopyThatCannotBeReadMakesItInvalid) {
  World world;
  world.origin_and_snapshot("0 128 snapshot d0 c0 P 8");
  world.write("org", 0, 8, 'B');
  world.origin_disk.arm(0, World::fail(DiskRequest::Read, EIO, {8, 8}));
  world.write("org", 8, 8, 'B');
  check_equal(world.status("snap"), "Invalid", "status");
  check_equal(world.shown("org", 0, 24), "BBA", "the origin");
  check_equal(world.bytes("c0", 0, 1)[4], u8{0}, "the header's valid flag");
  check_equal(world.try_read("snap", 0, 8), EIO, "a read");
  world.finish();
}

SCENARIO(SnapshotSpace, ACopyThatCannotBeWrittenFailsTheSnapshotWrite) {
  World world;
  world.origin_and_snapshot("0 128 snapshot d0 c0 N 8");
  world.cow_disk.arm(0, World::fail(DiskRequest::Write, EIO, {0, 8}));
  check_equal(world.try_write("snap", 1, 1, 'S'), EIO, "a write of a part of a chunk");
  check_equal(world.status("snap"), "Invalid", "status");
  world.finish();
}

SCENARIO(SnapshotSpace, AWholeChunkThatCannotBeWrittenFails) {
  World world;
  world.origin_and_snapshot("0 128 snapshot d0 c0 N 8");
  world.cow_disk.arm(0, World::fail(DiskRequest::Write, EIO, {0, 8}));
  check_equal(world.try_write("snap", 0, 8, 'S'), EIO, "a write of a whole chunk");
  check_equal(world.status("snap"), "Invalid", "status");
  world.finish();
}

SCENARIO(SnapshotSpace, AnAreaThatCannotBeWrittenMakesItInvalid) {
  World world;
  world.origin_and_snapshot("0 128 snapshot d0 c0 P 8");
  world.cow_disk.arm(0, World::fail(DiskRequest::Write, EIO, {8, 8}));
  check_equal(world.try_write("snap", 0, 8, 'S'), EIO, "the write");
  check_equal(world.status("snap"), "Invalid", "status");
  world.write("org", 0, 128, 'B');
  world.finish();
}

// One snapshot that is lost is no reason to lose the other.
SCENARIO(SnapshotSpace, TheOtherSnapshotStaysWhole) {
  World world;
  world.create("org", World::origin_line());
  world.write("org", 0, 128, 'A');
  world.suspend("org");
  world.create("cow1", "0 16 linear c0 0");
  world.create("cow2", "0 128 linear c0 128");
  world.create("snap1", "0 128 snapshot d0 cow1 N 8");
  world.create("snap2", "0 128 snapshot d0 cow2 N 8");
  world.resume("org");
  world.write("org", 0, 128, 'B');
  check_equal(world.status("snap1"), "Invalid", "the small one");
  check_equal(world.shown("snap2"), "AAAAAAAAAAAAAAAA", "the other one");
  world.finish();
}

// More copies at a time than the threshold: writers wait, and go on.
TEST(SnapshotSpaceBound, WritersWaitWhileTooManyCopiesAreInProgress) {
  const auto outcome = rt::run({.seed = 1, .max_steps = 10'000'000}, [] {
    constexpr u64 kSectors = 2 * kCowThreshold;
    World world(kSectors, kSectors);
    const std::string size = "0 " + std::to_string(kSectors);
    world.create("org", size + " snapshot-origin d0");
    world.suspend("org");
    world.create("snap", size + " snapshot d0 c0 N 1");
    world.resume("org");
    world.origin_disk.arm(0, World::hold(DiskRequest::Read, {0, 1}));
    TestBio held(world.bdev("org"), blk::BioOp::Write, 0, 1);
    held.submit();
    World::until_quiet();
    rt::Thread writer("writer", [&] { world.write("org", 1, kSectors - 1, 'B'); });
    World::until_quiet();
    check(!held.ended(), "the first copy is held");
    world.origin_disk.release(0);
    writer.join();
    check_equal(held.wait(), 0, "the first write");
    check_equal(world.shown("snap", 0, kSectors, 1), std::string(kSectors, '0'), "the snapshot");
    world.finish();
  });
  EXPECT_EQ(outcome.end, rt::End::Finished) << describe(outcome);
}

}  // namespace
}  // namespace bioscope::dm
