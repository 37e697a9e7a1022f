// SPDX-License-Identifier: Apache-2.0
// One COW device in two tables: the exceptions go from one to the other (R71).
#include <cerrno>

#include "models/interposer/targets/snapshot.h"
#include "models/interposer/targets/testing/snapshot_world.h"

namespace bioscope::dm {
namespace {

using testing::check;
using testing::check_equal;
using testing::TestBio;
using testing::World;

constexpr const char* kSnapshot = "0 128 snapshot d0 c0 P 8";

SCENARIO(SnapshotHandover, ToANewTableOfTheSameDevice) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  world.write("snap", 8, 8, 'S');
  world.write("org", 32, 8, 'B');
  world.load("snap", "0 128 snapshot d0 c0 PO 8");
  world.resume("snap");
  check_equal(world.status("snap"), "32/256 16", "status");
  check_equal(world.status("snap", StatusType::Table), "d0 c0 PO 8", "table");
  check_equal(world.shown("snap"), "ASAAAAAAAAAAAAAA", "the snapshot");
  world.write("org", 0, 128, 'C');
  check_equal(world.shown("snap"), "ASAAAAAAAAAAAAAA", "after more origin writes");
  world.finish();
}

SCENARIO(SnapshotHandover, ToAnotherDevice) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  world.write("snap", 8, 8, 'S');
  check_equal(world.mapper->create("new", "", -1), 0, "create");
  world.load("new", kSnapshot);
  check_equal(world.try_resume("new"), EINVAL, "while the source is live");
  world.suspend("snap");
  world.resume("new");
  check_equal(world.shown("new"), "ASAAAAAAAAAAAAAA", "the new one");
  world.resume("snap");
  check_equal(world.status("snap"), "Invalid", "the old one");
  check_equal(world.try_read("snap", 8, 8), EIO, "a read of the old one");
  world.write("org", 0, 128, 'C');
  check_equal(world.shown("new"), "ASAAAAAAAAAAAAAA", "after more origin writes");
  world.remove("snap");
  world.write("new", 16, 8, 'T');
  check_equal(world.shown("new"), "ASTAAAAAAAAAAAAA", "and writes of its own");
  world.finish();
}

SCENARIO(SnapshotHandover, TheSourceStaysSuspendedUntilItIsOver) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  check_equal(world.mapper->create("new", "", -1), 0, "create");
  world.load("new", kSnapshot);
  world.suspend("snap");
  check_equal(world.try_resume("snap"), EINVAL, "resume of the source");
  check_equal(world.mapper->clear({.name = "new"}), 0, "clear");
  world.resume("snap");
  world.write("snap", 0, 8, 'S');
  world.finish();
}

SCENARIO(SnapshotHandover, AThirdIsRefused) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  check_equal(world.mapper->create("new", "", -1), 0, "create");
  world.load("new", kSnapshot);
  check_equal(world.mapper->create("third", "", -1), 0, "create");
  check_equal(world.try_load("third", kSnapshot), EINVAL, "load");
  world.finish();
}

SCENARIO(SnapshotHandover, IsCancelledWhenTheSourceGoes) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  check_equal(world.mapper->create("new", "", -1), 0, "create");
  world.load("new", kSnapshot);
  world.remove("snap");
  world.resume("new");
  check_equal(world.status("new"), "Invalid", "status");
  world.write("org", 0, 8, 'B');
  world.finish();
}

// The chunk size comes with the exceptions.
SCENARIO(SnapshotHandover, TheChunkSizeOfTheSourceWins) {
  World world;
  world.origin_and_snapshot("0 128 snapshot d0 c0 P 16");
  world.write("org", 0, 8, 'B');
  world.load("snap", kSnapshot);
  world.resume("snap");
  check_equal(world.status("snap", StatusType::Table), "d0 c0 P 16", "table");
  world.write("org", 16, 32, 'B');
  check_equal(world.shown("snap"), "AAAAAAAAAAAAAAAA", "the snapshot");
  world.finish();
}

// Origin writes go on during the handover: none of their copies is lost.
SCENARIO(SnapshotHandover, WhileTheOriginIsWritten) {
  World world;
  world.origin_and_snapshot(kSnapshot);
  world.load("snap", kSnapshot);
  rt::Thread writer("writer", [&] { world.write("org", 0, 64, 'B'); });
  world.resume("snap");
  writer.join();
  check_equal(world.shown("snap"), "AAAAAAAAAAAAAAAA", "the snapshot");
  check_equal(world.status("snap"), "80/256 16", "eight exceptions");
  world.finish();
}

// R74: the snapshot's resume drains the origin, which keeps its boundary all the same.
SCENARIO(SnapshotHandover, TheOriginKeepsItsSplitBoundary) {
  World world;
  world.create("org", World::origin_line());
  world.create("snap", kSnapshot);
  world.hops.take_entries();
  world.write("org", 0, 16, 'A');
  const std::vector<std::string> hops = world.hops.take_entries();
  check_equal(hops.front(), "org 0+16", "the write");
  check_equal(hops.back(), "d0 0+16", "passed on whole");
  world.finish();
}

}  // namespace
}  // namespace bioscope::dm
