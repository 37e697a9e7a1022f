// SPDX-License-Identifier: Apache-2.0
// Many tasks at once on disks in memory: the same in a simulated run and with real threads.
#include <string>

#include "models/interposer/targets/testing/snapshot_machine.h"
#include "models/runtime/clock.h"
#include "models/runtime/memory_disk.h"

namespace bioscope::dm {
namespace {

using testing::check;
using testing::check_equal;
using testing::kCowSectors;
using testing::kOriginSectors;
using testing::Machine;

struct Disks {
  rt::MemoryDisk origin{kOriginSectors};
  rt::MemoryDisk cow{kCowSectors};
};

constexpr const char* kUntouched = "AAAAAAAAAAAAAAAA";

SCENARIO(SnapshotConcurrency, WritersAndReadersOfOriginAndSnapshot) {
  Disks disks;
  Machine machine(disks.origin, disks.cow);
  machine.origin_and_snapshot("0 128 snapshot d0 c0 P 8");
  {
    rt::Thread one("one", [&] {
      machine.write("org", 0, 40, 'B');
      machine.write("org", 3, 9, 'C');
    });
    rt::Thread two("two", [&] {
      machine.write("org", 32, 32, 'D');
      machine.write("snap", 64, 12, 'S');
    });
    rt::Thread three("three", [&] {
      machine.write("snap", 76, 20, 'T');
      machine.flush("snap");
      check_equal(machine.shown("snap", 80, 16), "TT", "what was written");
    });
    rt::Thread four("four", [&] {
      for (int i = 0; i < 3; ++i) {
        check_equal(machine.shown("snap", 0, 64), "AAAAAAAA", "the snapshot meanwhile");
        (void)machine.status("snap");
      }
    });
  }
  check_equal(machine.shown("snap"), "AAAAAAAASSTTAAAA", "the snapshot");
  check_equal(machine.shown("snap", 72, 8, 1), "SSSSTTTT", "the chunk of both");
  check_equal(machine.shown("org", 0, 16, 1), "BBBCCCCCCCCCBBBB", "the origin");
  machine.reboot();
  machine.create("snap", "0 128 snapshot d0 c0 P 8");
  check_equal(machine.shown("snap"), "AAAAAAAASSTTAAAA", "the snapshot after a reboot");
  machine.finish();
}

SCENARIO(SnapshotConcurrency, SnapshotsComeAndGoUnderWrites) {
  Disks disks;
  Machine machine(disks.origin, disks.cow);
  machine.origin_and_snapshot("0 128 snapshot d0 c0 N 8");
  rt::Thread writer("writer", [&] {
    for (char fill = 'B'; fill < 'F'; ++fill) machine.write("org", 8, 32, fill);
  });
  rt::Thread other("other", [&] {
    for (char fill = 'b'; fill < 'f'; ++fill) machine.write("org", 64, 16, fill);
  });
  check_equal(machine.shown("snap"), kUntouched, "the first snapshot");
  machine.remove("snap");
  machine.suspend("org");
  machine.create("snap", "0 128 snapshot d0 c0 N 16");
  machine.resume("org");
  const std::string seen = machine.shown("snap");
  check_equal(machine.shown("snap"), seen, "the second snapshot does not change");
  writer.join();
  other.join();
  check_equal(machine.shown("snap"), seen, "nor after all writes");
  check_equal(machine.shown("org"), "AEEEEAAAeeAAAAAA", "the origin");
  machine.finish();
}

SCENARIO(SnapshotConcurrency, ARunningOutSnapshotHurtsNobody) {
  Disks disks;
  Machine machine(disks.origin, disks.cow);
  machine.create("org", Machine::origin_line());
  machine.write("org", 0, kOriginSectors, 'A');
  machine.suspend("org");
  machine.create("small", "0 48 linear c0 0");
  machine.create("large", "0 160 linear c0 48");
  machine.create("snap1", "0 128 snapshot d0 small P 8");
  machine.create("snap2", "0 128 snapshot d0 large P 8");
  machine.resume("org");
  rt::Thread one("one", [&] { machine.write("org", 0, 64, 'B'); });
  rt::Thread two("two", [&] { machine.write("org", 64, 64, 'C'); });
  rt::Thread three("three", [&] { (void)machine.try_write("snap1", 16, 8, 'S'); });
  one.join();
  two.join();
  three.join();
  check_equal(machine.status("snap1"), "Invalid", "the small one");
  check_equal(machine.shown("snap2"), kUntouched, "the large one");
  check_equal(machine.shown("org"), "BBBBBBBBCCCCCCCC", "the origin");
  machine.finish();
}

SCENARIO(SnapshotConcurrency, HandoverAndMergeUnderWrites) {
  Disks disks;
  Machine machine(disks.origin, disks.cow);
  machine.origin_and_snapshot("0 128 snapshot d0 c0 P 8");
  machine.write("snap", 8, 24, 'S');
  machine.load("snap", "0 128 snapshot d0 c0 P 8");
  {
    rt::Thread writer("writer", [&] { machine.write("org", 64, 40, 'B'); });
    machine.resume("snap");
  }
  check_equal(machine.shown("snap"), "ASSSAAAAAAAAAAAA", "the snapshot");
  machine.load("org", "0 128 snapshot-merge d0 c0 P 8");
  machine.suspend("org");
  machine.suspend("snap");
  machine.resume("org");
  {
    rt::Thread one("one", [&] { machine.write("org", 16, 4, 'V'); });
    rt::Thread two("two", [&] { machine.write("org", 72, 8, 'W'); });
    rt::Thread three("three",
                     [&] { check_equal(machine.shown("org", 8, 8), "S", "the origin meanwhile"); });
  }
  machine.suspend("org");
  machine.resume("org");
  while (machine.status("org") != "16/256 16") rt::sleep_ms(1);
  check_equal(machine.shown("d0"), "ASVSAAAAAWAAAAAA", "on the disk");
  check_equal(machine.shown("d0", 16, 8, 1), "VVVVSSSS", "the chunk that was written in part");
  machine.finish();
}

}  // namespace
}  // namespace bioscope::dm
