// SPDX-License-Identifier: Apache-2.0
// Merging: what a snapshot holds goes back to its origin, with I/O going on (R72, R73).
#include "models/interposer/targets/snapshot_merge.h"

#include <cerrno>

#include "models/interposer/targets/testing/snapshot_world.h"

namespace bioscope::dm {
namespace {

using testing::check;
using testing::check_equal;
using testing::TestBio;
using testing::World;

constexpr const char* kSnapshot = "0 128 snapshot d0 c0 P 8";
constexpr const char* kMerge = "0 128 snapshot-merge d0 c0 P 8";
constexpr const char* kMerged = "16/256 16";

// An origin of A and B, and what a snapshot of it has: chunks 1, 2, 3, 8 and 15.
void snapshot_to_merge(World& world) {
  world.origin_and_snapshot(kSnapshot);
  world.write("snap", 8, 24, 'S');
  world.write("snap", 64, 8, 'T');
  world.write("snap", 127, 1, 'U');
  world.remove("snap");
  world.remove("org");
}

SCENARIO(SnapshotMerge, BringsEverythingBack) {
  World world;
  snapshot_to_merge(world);
  world.create("org", kMerge);
  World::until_quiet();
  check_equal(world.status("org"), kMerged, "status");
  check_equal(world.shown("org"), "ASSSAAAATAAAAAAA", "through the merge");
  check_equal(world.shown("d0"), "ASSSAAAATAAAAAAA", "on the disk");
  check_equal(world.shown("d0", 120, 8, 1), "AAAAAAAU", "the chunk that was written in part");
  world.reboot();
  world.create("snap", kSnapshot);
  check_equal(world.status("snap"), kMerged, "nothing is left");
  world.finish();
}

// J1: runs from the end of the list, and the entries go after the data is flushed.
SCENARIO(SnapshotMerge, GoesFromTheEndAndFlushesInBetween) {
  World world;
  snapshot_to_merge(world);
  world.origin_disk.arm(0, World::hold(DiskRequest::Write, {8, 24}));
  world.create("org", kMerge);
  World::until_quiet();
  check_equal(world.status("org"), "40/256 16", "two runs are merged, three chunks are left");
  check_equal(world.shown("d0"), "AAAAAAAATAAAAAAA", "on the disk");
  world.origin_disk.release(0);
  World::until_quiet();
  check_equal(world.status("org"), kMerged, "status");
  world.finish();
}

SCENARIO(SnapshotMerge, ReadsAndWritesGoOn) {
  World world;
  snapshot_to_merge(world);
  world.create("org", kMerge);
  rt::Thread reader("reader", [&] {
    for (int i = 0; i < 3; ++i) {
      check_equal(world.shown("org", 16, 8), "S", "a read during the merge");
    }
  });
  rt::Thread writer("writer", [&] {
    world.write("org", 8, 8, 'V');
    check_equal(world.shown("org", 8, 8), "V", "a read after the write");
    world.write("org", 66, 2, 'W');
    world.write("org", 32, 8, 'X');
  });
  reader.join();
  writer.join();
  World::until_quiet();
  check_equal(world.status("org"), kMerged, "status");
  check_equal(world.shown("d0"), "AVSSXAAATAAAAAAA", "on the disk");
  check_equal(world.shown("d0", 64, 8, 1), "TTWWTTTT", "chunk 8");
  world.finish();
}

// J2.
SCENARIO(SnapshotMerge, AWriteToAChunkThatIsBeingMergedWaits) {
  World world;
  snapshot_to_merge(world);
  world.origin_disk.arm(0, World::hold(DiskRequest::Write, {8, 24}));
  world.create("org", kMerge);
  World::until_quiet();
  TestBio write(world.bdev("org"), blk::BioOp::Write, 17, 1, 0, 'V');
  write.submit();
  World::until_quiet();
  check(!write.ended(), "the write waits");
  check_equal(world.shown("org", 16, 8, 1), "SSSSSSSS", "a read does not");
  world.write("org", 40, 1, 'W');
  world.origin_disk.release(0);
  check_equal(write.wait(), 0, "write");
  World::until_quiet();
  check_equal(world.shown("d0", 16, 8, 1), "SVSSSSSS", "on the disk");
  world.finish();
}

// J1: until its entry is gone a crash would bring the old data back over it.
SCENARIO(SnapshotMerge, AWriteWaitsUntilTheEntryIsGone) {
  World world;
  snapshot_to_merge(world);
  world.cow_disk.arm(0, World::hold(DiskRequest::Write, {8, 8}));  // the area
  world.create("org", kMerge);
  World::until_quiet();
  check_equal(world.shown("d0", 120, 8, 1), "AAAAAAAU", "the first run is copied");
  TestBio write(world.bdev("org"), blk::BioOp::Write, 127, 1, 0, 'V');
  write.submit();
  World::until_quiet();
  check(!write.ended(), "the write waits");
  world.cow_disk.release(0);
  check_equal(write.wait(), 0, "write");
  World::until_quiet();
  check_equal(world.shown("d0", 120, 8, 1), "AAAAAAAV", "on the disk");
  world.finish();
}

// A write that is on its way to the COW device is waited for.
SCENARIO(SnapshotMerge, WaitsForWritesThatAreOnTheirWay) {
  World world;
  snapshot_to_merge(world);
  world.origin_disk.arm(0, World::hold(DiskRequest::Write, {120, 8}));
  world.create("org", kMerge);
  World::until_quiet();
  world.cow_disk.arm(1, World::hold(DiskRequest::Write, {16, 24}));
  TestBio write(world.bdev("org"), blk::BioOp::Write, 17, 1, 0, 'V');
  write.submit();
  World::until_quiet();
  world.origin_disk.release(0);
  World::until_quiet();
  check(!write.ended(), "the write is held");
  check_equal(world.status("org"), "40/256 16", "its run is not merged");
  world.cow_disk.release(1);
  check_equal(write.wait(), 0, "write");
  World::until_quiet();
  check_equal(world.status("org"), kMerged, "status");
  check_equal(world.shown("d0", 16, 8, 1), "SVSSSSSS", "on the disk");
  world.finish();
}

// J3.
SCENARIO(SnapshotMerge, StopsAtAnError) {
  World world;
  snapshot_to_merge(world);
  world.origin_disk.arm(0, World::hold(DiskRequest::Write, {8, 24}));
  world.origin_disk.arm(1, World::fail(DiskRequest::Write, EIO, {8, 24}));
  world.create("org", kMerge);
  World::until_quiet();
  TestBio write(world.bdev("org"), blk::BioOp::Write, 17, 1, 0, 'V');
  write.submit();
  world.origin_disk.release(0);
  check_equal(write.wait(), EIO, "the write that waited");
  check_equal(world.status("org"), "Merge failed", "status");
  check_equal(world.shown("org"), "ASSSAAAATAAAAAAA", "reads go on");
  world.write("org", 8, 8, 'W');
  check_equal(world.shown("org"), "AWSSAAAATAAAAAAA", "writes too");
  world.finish();
}

SCENARIO(SnapshotMerge, AFailedFlushOfTheOriginStopsIt) {
  World world;
  snapshot_to_merge(world);
  world.origin_disk.arm(0, World::fail(DiskRequest::Flush, EIO));
  world.create("org", kMerge);
  World::until_quiet();
  check_equal(world.status("org"), "Merge failed", "status");
  check_equal(world.shown("org"), "ASSSAAAATAAAAAAA", "nothing is lost");
  world.finish();
}

SCENARIO(SnapshotMerge, StopsForASuspendAndGoesOn) {
  World world;
  snapshot_to_merge(world);
  world.create("org", kMerge);
  world.suspend("org");
  world.resume("org");
  World::until_quiet();
  check_equal(world.status("org"), kMerged, "status");
  check_equal(world.shown("d0"), "ASSSAAAATAAAAAAA", "on the disk");
  world.finish();
}

// After any power cut the merge begins again, and what was written and flushed meanwhile stays.
SCENARIO(SnapshotMerge, SurvivesAPowerCut) {
  World world;
  snapshot_to_merge(world);
  world.flush("d0");
  world.create("org", kMerge);
  world.write("org", 8, 8, 'V');
  world.flush("org");
  Chooser chooser(1);
  world.power_cut(chooser);
  world.create("org", kMerge);
  World::until_quiet();
  check_equal(world.status("org"), kMerged, "status");
  check_equal(world.shown("org"), "AVSSAAAATAAAAAAA", "the origin");
  world.finish();
}

// R67 for a merge: another snapshot gets what is overwritten first.
SCENARIO(SnapshotMerge, CopiesOutToOtherSnapshots) {
  World world;
  world.create("org", World::origin_line());
  world.write("org", 0, 128, 'A');
  world.suspend("org");
  world.create("cow1", "0 128 linear c0 0");
  world.create("cow2", "0 128 linear c0 128");
  world.create("snap", "0 128 snapshot d0 cow1 P 16");
  world.create("other", "0 128 snapshot d0 cow2 N 8");
  world.write("snap", 8, 24, 'S');
  world.load("org", "0 128 snapshot-merge d0 cow1 P 16");
  world.suspend("snap");
  world.resume("org");
  World::until_quiet();
  check_equal(world.status("org"), "32/128 32", "merged");
  check_equal(world.shown("org"), "ASSSAAAAAAAAAAAA", "the origin");
  check_equal(world.shown("other"), "AAAAAAAAAAAAAAAA", "the other snapshot");
  check_equal(world.status("other"), "32/128 0", "its exceptions");
  world.write("org", 64, 8, 'B');
  check_equal(world.shown("other"), "AAAAAAAAAAAAAAAA", "after a write to the origin");
  world.finish();
}

// An origin write to the merging snapshot's chunks makes no exception in itself.
SCENARIO(SnapshotMerge, TakesNoExceptionsOfItsOwn) {
  World world;
  snapshot_to_merge(world);
  world.create("org", kMerge);
  World::until_quiet();
  world.write("org", 0, 128, 'B');
  check_equal(world.status("org"), kMerged, "status");
  check_equal(world.shown("d0"), "BBBBBBBBBBBBBBBB", "on the disk");
  world.finish();
}

SCENARIO(SnapshotMerge, OfAnInvalidSnapshotIsTheOriginAlone) {
  World world;
  snapshot_to_merge(world);
  std::vector<u8> header = world.bytes("c0", 0, 1);
  header[4] = 0;  // valid
  check_equal(blk::blkdev_write(world.bdev("c0"), 0, header, 0), 0, "write of the header");
  world.create("org", kMerge);
  World::until_quiet();
  check_equal(world.status("org"), "Invalid", "status");
  check_equal(world.shown("org"), "AAAAAAAAAAAAAAAA", "reads");
  world.write("org", 8, 8, 'B');
  check_equal(world.shown("org"), "ABAAAAAAAAAAAAAA", "writes");
  world.finish();
}

}  // namespace
}  // namespace bioscope::dm
