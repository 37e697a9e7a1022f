// SPDX-License-Identifier: Apache-2.0
// Snapshots and their origin: what is copied when, and what a snapshot shows. Cases A to D are
// those that were measured on a stock kernel.
#include "models/interposer/targets/snapshot.h"

#include <cerrno>

#include "models/interposer/targets/testing/snapshot_world.h"

namespace bioscope::dm {
namespace {

using testing::check;
using testing::check_equal;
using testing::TestBio;
using testing::World;

constexpr const char* kSnapshot = "0 128 snapshot d0 c0 N 8";

// The origin is live while its snapshot is made: it splits at the boundary of before, so only the
// first chunk of a larger write is copied (R74, D-r).
SCENARIO(Snapshot, CaseAOfALiveOriginCopiesTheFirstChunkOnly) {
  World world;
  world.create("org", World::origin_line());
  world.write("org", 0, 128, 'A');
  world.create("snap", kSnapshot);
  world.write("org", 0, 128, 'B');
  check_equal(world.shown("snap"), "ABBBBBBBBBBBBBBB", "the snapshot");
  check_equal(world.status("snap"), "8/256 0", "status");
  world.finish();
}

SCENARIO(Snapshot, CaseBOfASuspendedOriginCopiesEverything) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  world.write("org", 0, 128, 'B');
  check_equal(world.shown("snap"), "AAAAAAAAAAAAAAAA", "the snapshot");
  check_equal(world.shown("org"), "BBBBBBBBBBBBBBBB", "the origin");
  check_equal(world.status("snap"), "128/256 0", "status");
  world.finish();
}

// The snapshot names the mapped device, the origin target the disk below it (R75, D-q).
SCENARIO(Snapshot, CaseCOfTheMappedDeviceCopiesNothing) {
  World world;
  world.create("org", World::origin_line());
  world.write("org", 0, 128, 'A');
  world.suspend("org");
  check_equal(world.mapper->create("snap", "", -1), 0, "create");
  world.load("snap", "0 128 snapshot org c0 N 8");
  world.resume("snap");
  world.resume("org");
  world.write("org", 0, 128, 'B');
  check_equal(world.shown("snap"), "BBBBBBBBBBBBBBBB", "the snapshot");
  check_equal(world.status("snap"), "0/256 0", "status");
  world.finish();
}

// A snapshot read on its way to the origin is waited for (R65).
SCENARIO(Snapshot, CaseDOriginWriteWaitsForASnapshotRead) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  world.origin_disk.arm(0, World::hold(DiskRequest::Read, {0, 8}));
  TestBio read(world.bdev("snap"), blk::BioOp::Read, 0, 8);
  read.submit();
  World::until_quiet();
  TestBio write(world.bdev("org"), blk::BioOp::Write, 0, 8, 0, 'B');
  write.submit();
  World::until_quiet();
  check(!read.ended(), "the read is held");
  check(!write.ended(), "the origin write waits for the read");
  check_equal(world.status("snap"), "8/256 0", "the chunk is copied meanwhile");
  world.origin_disk.release(0);
  check_equal(read.wait(), 0, "read");
  check_equal(write.wait(), 0, "write");
  check_equal(read.byte(0), u8{'A'}, "what the read saw");
  check_equal(world.shown("snap"), "AAAAAAAAAAAAAAAA", "the snapshot");
  world.finish();
}

// Reads of other chunks are no reason to wait.
SCENARIO(Snapshot, OriginWriteDoesNotWaitForReadsOfOtherChunks) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  world.origin_disk.arm(0, World::hold(DiskRequest::Read, {16, 8}));
  TestBio read(world.bdev("snap"), blk::BioOp::Read, 16, 8);
  read.submit();
  world.write("org", 0, 8, 'B');
  check(!read.ended(), "the read is still held");
  world.origin_disk.release(0);
  check_equal(read.wait(), 0, "read");
  world.finish();
}

SCENARIO(Snapshot, OriginWritesAreSplitAtChunks) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  world.write("org", 7, 2, 'B');   // over a boundary
  world.write("org", 31, 1, 'C');  // the last sector of a chunk
  world.write("org", 40, 1, 'D');  // the first one
  check_equal(world.shown("snap"), "AAAAAAAAAAAAAAAA", "the snapshot");
  check_equal(world.status("snap"), "32/256 0", "chunks 0, 1, 3 and 5");
  check_equal(world.shown("snap", 0, 48, 1), std::string(48, 'A'), "each sector of the snapshot");
  check_equal(world.shown("org", 7, 2, 1), "BB", "the origin");
  world.finish();
}

SCENARIO(Snapshot, AnOriginWithoutSnapshotsPassesWritesWhole) {
  World world;
  world.create("org", World::origin_line());
  world.hops.take_entries();
  world.write("org", 0, 128, 'A');
  check_equal(world.hops.take_entries(), (std::vector<std::string>{"org 0+128", "d0 0+128"}),
              "hops");
  world.flush("org");
  world.finish();
}

// A write of its own: the rest of the chunk comes from the origin.
SCENARIO(Snapshot, SnapshotWriteCopiesTheChunkFirst) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  world.write("snap", 9, 2, 'S');
  check_equal(world.shown("snap", 8, 8, 1), "ASSAAAAA", "the chunk");
  check_equal(world.shown("org", 8, 8, 1), "AAAAAAAA", "the origin");
  world.write("org", 8, 8, 'B');
  check_equal(world.shown("snap", 8, 8, 1), "ASSAAAAA", "the chunk after an origin write");
  check_equal(world.status("snap"), "8/256 0", "one exception");
  world.finish();
}

// R66: it reads nothing of the origin.
SCENARIO(Snapshot, SnapshotWriteOfAWholeChunkCopiesNothing) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  world.origin_disk.arm(0, World::fail(DiskRequest::Read, EIO, {8, 8}));
  world.write("snap", 8, 8, 'S');
  check_equal(world.shown("snap", 8, 8), "S", "the chunk");
  check_equal(world.status("snap"), "8/256 0", "one exception");
  world.finish();
}

// Two writes of parts of one chunk, and one of the origin: one exception for all three.
SCENARIO(Snapshot, WritesOfOneChunkShareItsException) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  rt::Thread first("first", [&] { world.write("snap", 0, 1, 'S'); });
  rt::Thread second("second", [&] { world.write("snap", 7, 1, 'T'); });
  rt::Thread third("third", [&] { world.write("org", 0, 8, 'B'); });
  first.join();
  second.join();
  third.join();
  check_equal(world.shown("snap", 0, 8, 1), "SAAAAAAT", "the chunk");
  check_equal(world.shown("org", 0, 8, 1), "BBBBBBBB", "the origin");
  check_equal(world.status("snap"), "8/256 0", "one exception");
  world.finish();
}

// An origin that ends within a chunk.
SCENARIO(Snapshot, TheLastPartOfAChunkIsCopied) {
  World world(124);
  world.create("org", "0 124 snapshot-origin d0");
  world.write("org", 0, 124, 'A');
  world.suspend("org");
  world.create("snap", "0 124 snapshot d0 c0 N 8");
  world.resume("org");
  world.write("org", 120, 4, 'B');
  check_equal(world.shown("snap", 120, 4, 1), "AAAA", "the last chunk");
  check_equal(world.shown("org", 120, 4, 1), "BBBB", "the origin");
  world.finish();
}

// R67: an origin write waits for every snapshot, whatever their chunks.
SCENARIO(Snapshot, AnOriginWriteWaitsForAllSnapshots) {
  World world;
  world.create("org", World::origin_line());
  world.write("org", 0, 128, 'A');
  world.suspend("org");
  world.create("snap", "0 128 snapshot d0 c0 N 8");
  world.create("cow2", "0 128 linear c0 128");
  world.create("snap2", "0 128 snapshot d0 cow2 N 16");
  world.resume("org");
  world.write("org", 0, 32, 'B');
  check_equal(world.shown("snap"), "AAAAAAAAAAAAAAAA", "the first snapshot");
  check_equal(world.shown("snap2"), "AAAAAAAAAAAAAAAA", "the second one");
  check_equal(world.status("snap"), "32/256 0", "four chunks of 8");
  check_equal(world.status("snap2"), "32/128 0", "two chunks of 16");
  world.finish();
}

SCENARIO(Snapshot, ASlowSnapshotHoldsAnOriginWrite) {
  World world;
  world.create("org", World::origin_line());
  world.write("org", 0, 128, 'A');
  world.suspend("org");
  world.create("snap", "0 128 snapshot d0 c0 N 16");
  world.create("cow2", "0 64 linear c0 192");
  world.create("snap2", "0 128 snapshot d0 cow2 N 8");
  world.resume("org");
  world.cow_disk.arm(0, World::hold(DiskRequest::Write, {192, 8}));
  TestBio write(world.bdev("org"), blk::BioOp::Write, 0, 8, 0, 'B');
  write.submit();
  World::until_quiet();
  check(!write.ended(), "the copy of the second snapshot is held");
  world.cow_disk.release(0);
  check_equal(write.wait(), 0, "write");
  check_equal(world.shown("snap2", 0, 8), "A", "the second snapshot");
  world.finish();
}

// While origin and snapshot are written side by side the snapshot stays what it was.
SCENARIO(Snapshot, ReadsDuringOriginWritesSeeTheOldData) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  rt::Thread writer("writer", [&] {
    world.write("org", 0, 16, 'B');
    world.write("org", 4, 8, 'C');
  });
  rt::Thread reader("reader", [&] {
    check_equal(world.shown("snap", 0, 16, 1), std::string(16, 'A'), "the first read");
    check_equal(world.shown("snap", 0, 16, 1), std::string(16, 'A'), "the second read");
  });
  writer.join();
  reader.join();
  check_equal(world.shown("snap", 0, 16, 1), std::string(16, 'A'), "the snapshot");
  check_equal(world.shown("org", 0, 16, 1), "BBBBCCCCCCCCBBBB", "the origin");
  world.finish();
}

// A copied chunk is read on the COW device whatever becomes of the origin.
SCENARIO(Snapshot, ExceptionsDoNotCopyTwice) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  world.write("org", 0, 8, 'B');
  world.origin_disk.arm(0, World::fail(DiskRequest::Read, EIO, {0, 8}));
  world.write("org", 0, 8, 'C');
  check_equal(world.status("snap"), "8/256 0", "one exception");
  check_equal(world.shown("snap", 0, 8), "A", "the snapshot");
  world.finish();
}

// A snapshot that is loaded and not resumed yet makes no exceptions, but its chunk counts (R74).
SCENARIO(Snapshot, OneThatIsNotResumedMakesNoExceptions) {
  World world;
  check_equal(world.mapper->create("snap", "", -1), 0, "create");
  world.load("snap", kSnapshot);
  world.create("org", World::origin_line());
  world.hops.take_entries();
  world.write("org", 0, 16, 'A');
  check_equal(world.hops.take_entries(),
              (std::vector<std::string>{"org 0+16", "d0 0+8", "org 8+8", "d0 8+8"}),
              "hops: split at its chunk");
  world.resume("snap");
  check_equal(world.shown("snap", 0, 16), "AA", "what was there when it was resumed");
  check_equal(world.status("snap"), "0/256 0", "no exception");
  world.finish();
}

// A snapshot that is gone holds nobody up and costs nothing.
SCENARIO(Snapshot, RemovedWhileTheOriginIsWritten) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  rt::Thread writer("writer", [&] { world.write("org", 0, 64, 'B'); });
  world.remove("snap");
  writer.join();
  world.suspend("org");
  world.resume("org");
  world.hops.take_entries();
  world.write("org", 0, 16, 'C');
  check_equal(world.hops.take_entries(), (std::vector<std::string>{"org 0+16", "d0 0+16"}),
              "hops: no boundary any more");
  check_equal(world.shown("org", 0, 64), "CCBBBBBB", "the origin");
  world.finish();
}

SCENARIO(Snapshot, StatusAndTable) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  check_equal(world.status("snap"), "0/256 0", "status");
  check_equal(world.status("snap", StatusType::Table), "d0 c0 N 8", "table");
  check_equal(world.status("org"), "", "the origin's status");
  check_equal(world.status("org", StatusType::Table), "d0", "the origin's table");
  std::string reply;
  check_equal(world.mapper->message({.name = "snap"}, 0, {"anything"}, reply), EINVAL, "message");
  world.finish();
}

SCENARIO(Snapshot, DiscardFeatures) {
  World world;
  world.create("snap", "0 128 snapshot d0 c0 N 8 1 discard_zeroes_cow");
  check_equal(world.status("snap", StatusType::Table), "d0 c0 N 8 1 discard_zeroes_cow", "table");
  world.remove("snap");
  world.create("snap", "0 128 snapshot d0 c0 N 8 2 discard_passdown_origin Discard_Zeroes_Cow");
  check_equal(world.status("snap", StatusType::Table),
              "d0 c0 N 8 2 discard_zeroes_cow discard_passdown_origin", "table");
  world.finish();
}

// Exceptions become zero, where there is none a discard is ignored.
SCENARIO(Snapshot, DiscardZeroesExceptions) {
  World world;
  world.origin_and_snapshot("0 128 snapshot d0 c0 N 8 1 discard_zeroes_cow");
  world.write("snap", 8, 16, 'S');
  world.discard("snap", 4, 16);
  check_equal(world.shown("snap", 0, 32, 2),
              "AAAA0000"
              "00SSAAAA",
              "the snapshot");
  check_equal(world.status("snap"), "16/256 0", "no more exceptions");
  check_equal(world.shown("org", 0, 32), "AAAA", "the origin");
  world.finish();
}

// Copies lie behind each other in the order of the writes.
SCENARIO(Snapshot, DiscardLeavesTheNextCopyAlone) {
  World world;
  world.origin_and_snapshot("0 128 snapshot d0 c0 N 8 1 discard_zeroes_cow");
  world.write("snap", 8, 8, 'S');
  world.write("snap", 64, 8, 'T');
  world.discard("snap", 12, 8);
  check_equal(world.shown("snap", 64, 8, 1), "TTTTTTTT", "a chunk that is far away");
  check_equal(world.shown("snap", 8, 4, 1), "SSSS", "what lies before the discard");
  world.finish();
}

SCENARIO(Snapshot, DiscardPassesDownToTheOrigin) {
  World world;
  world.origin_and_snapshot(
      "0 128 snapshot d0 c0 N 8 2 discard_zeroes_cow discard_passdown_origin");
  world.write("snap", 8, 8, 'S');
  world.discard("snap", 8, 16);
  check_equal(world.shown("snap", 0, 32), "A00A", "the snapshot");
  check_equal(world.shown("org", 0, 32), "A00A", "the origin");
  check_equal(world.status("snap"), "8/256 0", "no more exceptions");
  world.finish();
}

SCENARIO(Snapshot, WithoutTheFeatureDiscardsAreRefused) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  check_equal(TestBio(world.bdev("snap"), blk::BioOp::Discard, 0, 8).run(), EOPNOTSUPP, "snapshot");
  check_equal(TestBio(world.bdev("org"), blk::BioOp::Discard, 0, 8).run(), EOPNOTSUPP, "origin");
  world.finish();
}

// The seed's use: the origin target stands under d0 itself, and is the same origin (R75).
SCENARIO(Snapshot, OfAnInterposedDevice) {
  World world;
  world.write("d0", 0, 128, 'A');
  world.interpose("org", World::origin_line());
  world.suspend("org");
  world.create("snap", "0 128 snapshot [interpose]d0 c0 N 8");
  world.resume("org");
  rt::Thread writer("writer", [&] { world.write("d0", 0, 64, 'B'); });
  rt::Thread reader("reader", [&] {
    check_equal(world.shown("snap"), "AAAAAAAAAAAAAAAA", "the snapshot meanwhile");
  });
  world.suspend("org");
  world.resume("org");
  writer.join();
  reader.join();
  check_equal(world.shown("snap"), "AAAAAAAAAAAAAAAA", "the snapshot");
  check_equal(world.shown("d0"), "BBBBBBBBAAAAAAAA", "the device");
  check_equal(world.status("snap"), "64/256 0", "eight exceptions");
  check_equal(world.status("snap", StatusType::Table), "[interpose]d0 c0 N 8", "table");
  world.finish();
}

SCENARIO(Snapshot, TablesThatAreRefused) {
  World world;
  world.create("low", "0 128 linear c0 0");
  check_equal(world.mapper->create("snap", "", -1), 0, "create");
  const std::string line = "0 128 snapshot ";
  const auto refused = [&](const std::string& rest, int error) {
    check_equal(world.try_load("snap", line + rest), error, rest);
  };
  refused("d0 c0 N", EINVAL);
  refused("d0 c0 N 3", EINVAL);
  refused("d0 c0 N 0", EINVAL);  // a transient one has no default chunk
  refused("d0 c0 N x", EINVAL);
  refused("d0 c0 N -8", EINVAL);
  refused("d0 c0 N 8388608", EINVAL);     // more than INT_MAX >> 9
  refused("d0 c0 N 8589934592", EINVAL);  // not even 32 bits
  refused("d0 c0 X 8", EINVAL);
  refused("d0 c0 PX 8", EINVAL);
  refused("d0 d0 N 8", EINVAL);
  refused("nope c0 N 8", ENODEV);
  refused("d0 nope N 8", ENODEV);
  refused("d0 low N 8 1", EINVAL);
  refused("d0 low N 8 3 a b c", EINVAL);
  refused("d0 low N 8 1 unknown", EINVAL);
  refused("d0 low N 8 1 discard_passdown_origin", EINVAL);
  check_equal(world.try_load("snap", "0 128 snapshot-merge d0 low N 8"), EINVAL, "merge of N");
  check_equal(world.try_load("snap", "0 128 snapshot-origin"), EINVAL, "origin without a device");
  check_equal(world.try_load("snap", "0 128 snapshot-origin d0 d0"), EINVAL, "and with two");
  world.load("snap", line + "d0 low n 8 0");  // a letter's case does not matter
  world.finish();
}

// Nothing of it stays behind: a snapshot whose constructor failed does not slow its origin.
SCENARIO(Snapshot, ARefusedTableLeavesNothingRegistered) {
  World world;
  world.write("c0", 0, 8, 'X');  // no header of a persistent snapshot
  check_equal(world.mapper->create("snap", "", -1), 0, "create");
  check_equal(world.try_load("snap", "0 128 snapshot d0 c0 P 8"), ENXIO, "load");
  world.create("org", World::origin_line());
  world.hops.take_entries();
  world.write("org", 0, 16, 'A');
  check_equal(world.hops.take_entries(), (std::vector<std::string>{"org 0+16", "d0 0+16"}), "hops");
  world.finish();
}

}  // namespace
}  // namespace bioscope::dm
