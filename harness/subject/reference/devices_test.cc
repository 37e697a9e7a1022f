// SPDX-License-Identifier: Apache-2.0
// What no suite has, since no stock kernel plays it: partitions, sizes that change, disks that go
// away under use, signals, power cuts, an interposer with a prefix. Judged with many schedules.
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <string>

#include "harness/check/oracle.h"
#include "harness/subject/reference/reference_subject.h"
#include "models/trace/order.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

constexpr u64 kSeeds = 100;

// The errors that the labelled operation x returned, with how many of the schedules.
std::map<int, int> errors_of_x(const std::string& body) {
  std::map<int, int> errors;
  const auto trace = parse_trace("bioscope-trace 1\nseed 1\n" + body, "test");
  EXPECT_TRUE(trace.has_value()) << (trace ? "" : trace.error().message);
  if (!trace) return errors;
  ReferenceSubject subject({.watch = true});
  for (u64 seed = 0; seed < kSeeds; ++seed) {
    const auto history = subject.play({"test", *trace}, seed, {});
    EXPECT_TRUE(history.has_value()) << history.error().message;
    if (!history) return errors;
    EXPECT_EQ(history->end, HistoryEnd::Completed) << "seed " << seed << ": " << history->note;
    for (const Finding& finding : check_history("test", *trace, *history).findings) {
      ADD_FAILURE() << "seed " << seed << ": " << to_text(finding.signature) << ": "
                    << finding.message << "\n"
                    << to_text(*trace, *history);
      return errors;
    }
    const auto x = find_labelled(*trace, "x");
    for (const Event& event : history->events) {
      if (event.kind == EventKind::Return && event.operation == x) ++errors[event.error];
    }
  }
  return errors;
}

using Errors = std::map<int, int>;

TEST(ReferenceDevices, PartitionsAreSeenThroughTheDiskAndInterposed) {
  EXPECT_EQ(errors_of_x(R"(disk d0 null size=4096
lane A
  p: partition d0 "0+1024,1024+1024"
  write d0p1 0+8; write d0p2 0+8; read d0 1024+8; read d0p2 1020+8
  x: partition d0 "512+64"
  create y; load y "0 1024 linear d0p2 0"; resume y; write y 8+8; read d0 1024+24
  create ip; load ip "0 1024 linear d0p1 0" interpose; resume ip
  write d0p1 16+8; read d0 0+32; suspend ip; resume ip; remove ip; read d0p1 0+32
lane B
  after returned p
  write d0p1 100+8; read d0p1 100+8; write d0p2 200+8; read d0p2 200+8
)"),
            (Errors{{EBUSY, kSeeds}}));
}

TEST(ReferenceDevices, WhatLiesBehindASmallerEndIsGone) {
  EXPECT_EQ(errors_of_x(R"(disk d0 loop size=4096
disk d1 controlled size=4096
lane A
  write d0 4088+8; resize d0 2048; read d0 2040+16; write d0 2048+8
  resize d0 8192; write d0 8184+8; read d0 8184+8; read d0 4088+8
  x: resize d1 8192
  create y; load y "0 8192 linear d0 0"; resume y; resize d0 1024; read y 1024+8
)"),
            (Errors{{EOPNOTSUPP, kSeeds}}));
}

// What comes before the removal is written, what comes after it finds no disk.
TEST(ReferenceDevices, ADiskGoesAwayUnderItsInterposerAndItsUsers) {
  const Errors errors = errors_of_x(R"(disk d0 null size=4096
disk d1 null size=4096
lane A
  create ip; load ip "0 4096 linear d0 0" interpose
  up: resume ip
  write d1 0+8
  hot-remove d0; read d0 0+8; write d1 0+8; status ip; hot-remove d0; remove ip
lane B
  after returned up
  write d0 8+8
  x: write d0 0+8
  read d0 0+8
)");
  EXPECT_TRUE(errors.contains(0));
  EXPECT_TRUE(errors.contains(ENXIO));
}

TEST(ReferenceDevices, ADiskGoesAwayUnderAFrozenFileSystem) {
  EXPECT_EQ(errors_of_x(R"(disk d0 null size=32768
lane A
  create y; load y "0 32768 linear d0 0"; resume y; mkfs y ext4; mount y mnt
  file-write mnt/a 0+8; suspend y; hot-remove d0; resume y
  x: file-write mnt/b 0+8
  umount mnt; remove y
)"),
            (Errors{{EIO, kSeeds}}));
}

TEST(ReferenceDevices, ASignalInterruptsASuspendThatWaits) {
  EXPECT_EQ(errors_of_x(R"(disk d0 controlled size=4096
lane A
  create y; load y "0 4096 linear d0 0"
  up: resume y
  after held h1
  x: async suspend y
  clock 10
  signal x 10
  wait x
  info y
  let: read y 8+8
  read y 0+8
lane B
  after returned up
  w: write y 0+8
disk-script
  h1: hold d0 write 0+8 after invoked w
  release h1 after invoked let
)"),
            (Errors{{EINTR, kSeeds}}));
}

TEST(ReferenceDevices, APowerCutLeavesWhatWasFlushed) {
  EXPECT_EQ(errors_of_x(R"(disk d0 controlled size=4096 cache=volatile
lane A
  create y; load y "0 4096 linear d0 0"; resume y
  write y 0+8; flush y; write y 0+8; write y 8+8 fua; write y 16+8
  power-cut d0
  x: read y 0+8
  reopen d0; read y 0+32
)"),
            (Errors{{EIO, kSeeds}}));
}

TEST(ReferenceDevices, TheRecipeWithPrefixesCopiesOut) {
  EXPECT_EQ(errors_of_x(R"(disk d0 null size=4096
disk c0 null size=4096
lane A
  up: write d0 0+64
  create ip; load ip "0 4096 snapshot-origin [interpose]d0" interpose; resume ip
  create snap; suspend ip; load snap "0 4096 snapshot [interpose]d0 c0 P 8"; resume snap; resume ip
  write d0 0+16; read snap 0+64; status snap; table ip; deps ip; info ip
  suspend ip; remove snap; resume ip
  load ip "0 4096 linear d0 0" interpose; resume ip; write d0 0+8
  x: remove ip
  read d0 0+64
lane B
  after returned up
  write d0 32+8; read d0 32+8; write d0 40+8
)"),
            (Errors{{0, kSeeds}}));
}

}  // namespace
}  // namespace bioscope
