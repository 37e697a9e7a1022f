// SPDX-License-Identifier: Apache-2.0
// Persistent snapshots: what lies on the COW device, byte for byte, and what is made of it again.
#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>

#include "models/interposer/targets/cow_format.h"
#include "models/interposer/targets/testing/snapshot_world.h"

namespace bioscope::dm {
namespace {

using testing::check;
using testing::check_equal;
using testing::TestBio;
using testing::World;

constexpr const char* kPersistent = "0 128 snapshot d0 c0 P 8";

// `expected`, and zeroes up to the end.
void check_bytes(std::span<const u8> bytes, std::initializer_list<u8> expected,
                 const std::string& what) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const u8 byte = i < expected.size() ? expected.begin()[i] : u8{0};
    if (bytes[i] == byte) continue;
    rt::fail(what + ": byte " + std::to_string(i) + " is " + std::to_string(bytes[i]) + ", not " +
             std::to_string(byte));
    return;
  }
}

// Puts bytes on c0 below any snapshot.
void put(World& world, u64 sector, std::initializer_list<u8> start, u64 sectors = 8) {
  std::vector<u8> bytes(sectors * kSectorBytes);
  std::ranges::copy(start, bytes.begin());
  check_equal(blk::blkdev_write(world.bdev("c0"), sector, bytes, 0), 0, "write to c0");
}

SCENARIO(PersistentStore, StartsWithAHeaderAndAnEmptyArea) {
  World world;
  world.write("c0", 8, 16, 'X');  // what was there before, but for the header's place
  world.create("snap", kPersistent);
  check_bytes(world.bytes("c0", 0, 8), {0x53, 0x6e, 0x41, 0x70, 1, 0, 0, 0, 1, 0, 0, 0, 8},
              "header");
  check_bytes(world.bytes("c0", 8, 8), {}, "area 0");
  check_equal(world.status("snap"), "16/256 16", "status");
  check_equal(world.status("snap", StatusType::Table), "d0 c0 P 8", "table");
  world.finish();
}

SCENARIO(PersistentStore, EntriesAreAddedInTheOrderOfAllocation) {
  World world;
  world.origin_and_snapshot(kPersistent);
  world.write("org", 40, 8, 'B');   // chunk 5
  world.write("snap", 0, 8, 'S');   // chunk 0
  world.write("org", 120, 1, 'C');  // chunk 15
  check_bytes(world.bytes("c0", 8, 8),
              {5,  0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,   // 5 -> 2
               0,  0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,   // 0 -> 3
               15, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0},  // 15 -> 4
              "area 0");
  check_equal(world.shown("c0", 16, 24), "ASA", "data chunks 2, 3 and 4");
  check_equal(world.status("snap"), "40/256 16", "status");
  world.finish();
}

// R64: data, then the area with PREFLUSH and FUA; nobody is told before.
SCENARIO(PersistentStore, AWriteReturnsAfterItsExceptionIsDurable) {
  World world;
  world.origin_and_snapshot(kPersistent);
  world.cow_disk.arm(0, World::hold(DiskRequest::Write, {8, 8}));
  TestBio write(world.bdev("snap"), blk::BioOp::Write, 0, 8, 0, 'S');
  write.submit();
  TestBio origin_write(world.bdev("org"), blk::BioOp::Write, 8, 8, 0, 'B');
  origin_write.submit();
  World::until_quiet();
  check(!write.ended(), "a write to the snapshot waits for its entry");
  check(!origin_write.ended(), "a write to the origin too");
  world.cow_disk.release(0);
  check_equal(write.wait(), 0, "write");
  check_equal(origin_write.wait(), 0, "origin write");
  check_equal(world.cow_disk.controlled().contents().undecided_sectors(), std::vector<u64>{},
              "sectors of the COW device that a power cut could lose");
  world.finish();
}

SCENARIO(PersistentStore, IsTheSameAfterAReboot) {
  World world;
  world.origin_and_snapshot(kPersistent);
  world.write("org", 8, 32, 'B');
  world.write("snap", 64, 8, 'S');
  world.write("snap", 17, 1, 'T');
  world.reboot();
  world.create("org", World::origin_line());
  world.create("snap", kPersistent);
  check_equal(world.shown("snap"), "AAAAAAAASAAAAAAA", "the snapshot");
  check_equal(world.shown("snap", 16, 8, 1), "ATAAAAAA", "chunk 2");
  check_equal(world.status("snap"), "56/256 16", "five exceptions");
  world.suspend("org");
  world.resume("org");
  world.write("org", 0, 128, 'C');
  check_equal(world.shown("snap"), "AAAAAAAASAAAAAAA", "the snapshot after more origin writes");
  check_equal(world.status("snap"), "144/256 16", "sixteen exceptions");
  world.finish();
}

// Whatever was acknowledged is there after a power cut.
SCENARIO(PersistentStore, SurvivesAPowerCut) {
  World world;
  world.origin_and_snapshot(kPersistent);
  world.flush("org");
  world.write("snap", 64, 8, 'S');
  world.write("org", 8, 16, 'B');
  world.flush("snap");
  Chooser chooser(1);
  world.power_cut(chooser);
  world.create("snap", kPersistent);
  check_equal(world.shown("snap"), "AAAAAAAASAAAAAAA", "the snapshot");
  world.finish();
}

// Chunks of 1 sector: an area has 32 entries, so several areas fill.
SCENARIO(PersistentStore, AreasFillOneAfterTheOther) {
  World world;
  world.write("c0", 1, 255, 'X');
  world.create("org", World::origin_line());
  world.write("org", 0, 128, 'A');
  world.suspend("org");
  world.create("snap", "0 128 snapshot d0 c0 P 1");
  world.resume("org");
  for (u64 sector = 0; sector < 31; ++sector) world.write("org", sector, 1, 'B');
  check_equal(world.status("snap"), "33/256 2", "one entry short of a full area");
  world.write("org", 31, 1, 'B');
  check_equal(world.status("snap"), "35/256 3", "the first area is full");
  check_bytes(world.bytes("c0", 34, 1), {}, "the next area");
  world.write("org", 32, 96, 'B');
  check_equal(world.status("snap"), "134/256 6", "128 exceptions, 5 areas, the header");
  check_equal(world.shown("snap", 0, 128, 1), std::string(128, 'A'), "the snapshot");
  world.reboot();
  world.create("snap", "0 128 snapshot d0 c0 P 1");
  check_equal(world.status("snap"), "134/256 6", "after a reboot");
  check_equal(world.shown("snap", 0, 128, 1), std::string(128, 'A'), "the snapshot");
  world.finish();
}

SCENARIO(PersistentStore, TheChunkSizeOnTheDiskWins) {
  World world;
  world.origin_and_snapshot("0 128 snapshot d0 c0 P 16");
  world.write("org", 0, 1, 'B');
  world.reboot();
  world.create("snap", "0 128 snapshot d0 c0 PO 8");
  check_equal(world.status("snap", StatusType::Table), "d0 c0 PO 16", "table");
  check_equal(world.shown("snap"), "AAAAAAAAAAAAAAAA", "the snapshot");
  world.finish();
}

SCENARIO(PersistentStore, ChunkSizeZeroIsTheDefault) {
  World world(128, 1024);
  world.create("snap", "0 128 snapshot d0 c0 P 0");
  check_equal(world.status("snap", StatusType::Table), "d0 c0 P 32", "table");
  world.finish();
}

SCENARIO(PersistentStore, HeadersThatAreRefused) {
  World world;
  check_equal(world.mapper->create("snap", "", -1), 0, "create");
  put(world, 0, {0x53, 0x6e, 0x41, 0x71, 1, 0, 0, 0, 1, 0, 0, 0, 8});
  check_equal(world.try_load("snap", kPersistent), ENXIO, "another magic");
  put(world, 0, {0x53, 0x6e, 0x41, 0x70, 1, 0, 0, 0, 2, 0, 0, 0, 8});
  check_equal(world.try_load("snap", kPersistent), EINVAL, "another version");
  put(world, 0, {0x53, 0x6e, 0x41, 0x70, 1, 0, 0, 0, 1, 0, 0, 0, 9});
  check_equal(world.try_load("snap", kPersistent), EINVAL, "a chunk size that is none");
  put(world, 0, {0x53, 0x6e, 0x41, 0x70, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x20});
  check_equal(world.try_load("snap", kPersistent), EIO, "a chunk larger than the device");
  check_equal(world.try_load("snap", "0 128 snapshot d0 c0 P 512"), EIO, "and one in the table");
  world.cow_disk.arm(0, World::fail(DiskRequest::Read, EIO, {0, 8}));
  check_equal(world.try_load("snap", kPersistent), EIO, "a header that cannot be read");
  world.finish();
}

SCENARIO(PersistentStore, AreasThatAreRefused) {
  World world;
  check_equal(world.mapper->create("snap", "", -1), 0, "create");
  put(world, 0, {0x53, 0x6e, 0x41, 0x70, 1, 0, 0, 0, 1, 0, 0, 0, 8});
  put(world, 8, {0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1});
  check_equal(world.try_load("snap", kPersistent), EINVAL, "a new chunk that is none");
  put(world, 0, {0x53, 0x6e, 0x41, 0x70, 1, 0, 0, 0, 1, 0, 0, 0, 1});
  std::vector<u8> full(kSectorBytes, 1);
  for (std::size_t i = 15; i < full.size(); i += 16) full[i] = 0;
  for (u64 area = 1; area < 256; area += 33) {
    check_equal(blk::blkdev_write(world.bdev("c0"), area, full, 0), 0, "write");
  }
  check_equal(world.try_load("snap", "0 128 snapshot d0 c0 P 1"), EIO, "areas without an end");
  world.finish();
}

// Entries that point past the device are recovered: their I/O fails, nothing is read elsewhere.
SCENARIO(PersistentStore, EntriesPastTheDeviceFailTheirIoOnly) {
  World world;
  put(world, 0, {0x53, 0x6e, 0x41, 0x70, 1, 0, 0, 0, 1, 0, 0, 0, 8});
  put(world, 8, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0});
  world.create("snap", kPersistent);
  check_equal(world.try_read("snap", 0, 8), EIO, "the chunk with the entry");
  check_equal(world.shown("snap", 8, 8), "0", "another chunk");
  check_equal(world.try_write("snap", 8, 8, 'S'), EIO, "no room is left");
  world.finish();
}

SCENARIO(PersistentStore, AnInvalidHeaderMakesAnInvalidSnapshot) {
  World world;
  put(world, 0, {0x53, 0x6e, 0x41, 0x70, 0, 0, 0, 0, 1, 0, 0, 0, 8});
  world.create("snap", kPersistent);
  check_equal(world.status("snap"), "Invalid", "status");
  check_equal(world.try_read("snap", 0, 8), EIO, "read");
  world.finish();
}

// Copies end in any order, entries come in the order of allocation (R64).
SCENARIO(PersistentStore, ALaterCopyWaitsForAnEarlierOne) {
  World world;
  world.origin_and_snapshot(kPersistent);
  world.cow_disk.arm(0, World::hold(DiskRequest::Write, {16, 8}));  // the first data chunk
  TestBio first(world.bdev("org"), blk::BioOp::Write, 0, 8, 0, 'B');
  first.submit();
  World::until_quiet();
  TestBio second(world.bdev("org"), blk::BioOp::Write, 8, 8, 0, 'B');
  second.submit();
  World::until_quiet();
  check(!second.ended(), "the second waits for the first");
  check_bytes(world.bytes("c0", 8, 8), {}, "no entry yet");
  world.cow_disk.release(0);
  check_equal(first.wait(), 0, "first");
  check_equal(second.wait(), 0, "second");
  check_bytes(world.bytes("c0", 8, 8), {0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,  //
                                        1, 0, 0, 0, 0, 0, 0, 0, 3},
              "both entries");
  world.finish();
}

// Many writers: one commit takes several entries.
SCENARIO(PersistentStore, ManyWritersAtOnce) {
  World world;
  world.origin_and_snapshot(kPersistent);
  {
    rt::Thread a("a", [&] { world.write("org", 0, 24, 'B'); });
    rt::Thread b("b", [&] { world.write("snap", 32, 20, 'S'); });
    rt::Thread c("c", [&] { world.write("org", 32, 24, 'C'); });
    a.join();
    b.join();
    c.join();
  }
  check_equal(world.shown("snap"), "AAAASSSAAAAAAAAA", "the snapshot");
  check_equal(world.shown("snap", 48, 8, 1), "SSSSAAAA", "the chunk that was written in part");
  check_equal(world.status("snap"), "64/256 16", "six exceptions");
  world.reboot();
  world.create("snap", kPersistent);
  check_equal(world.shown("snap"), "AAAASSSAAAAAAAAA", "after a reboot");
  world.finish();
}

}  // namespace
}  // namespace bioscope::dm
