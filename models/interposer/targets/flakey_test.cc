// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>

#include "models/interposer/targets/testing/target_machine.h"
#include "models/runtime/clock.h"

namespace bioscope::dm {
namespace {

using testing::check;
using testing::check_equal;
using testing::Lines;

int read_error(testing::TargetMachine& m, const char* name) {
  std::vector<u8> bytes(kSectorBytes);
  return blk::blkdev_read(m.device(name), 0, bytes);
}

// R49, from the constructor on.
TARGET_SCENARIO(Flakey, IsDownByTheClock) {
  m.add_disk("d0");
  rt::sleep_ms(777);
  check_equal(m.mapper.create("fl", "", -1), 0, "create");
  check_equal(m.load("fl", "0 16 flakey d0 0 2 3"), 0, "load");
  const u64 loaded_ms = rt::now_ms();
  rt::sleep_ms(500);
  check_equal(m.resume("fl"), 0, "resume");
  constexpr std::pair<u64, int> kTimes[] = {{600, 0},    {1999, 0},   {2000, EIO},
                                            {4999, EIO}, {5000, 0},   {6999, 0},
                                            {7000, EIO}, {9999, EIO}, {10'000, 0}};
  for (const auto& [at_ms, error] : kTimes) {
    rt::sleep_ms(loaded_ms + at_ms - rt::now_ms());
    check_equal(read_error(m, "fl"), error, "a read after " + std::to_string(at_ms) + " ms");
    check_equal(m.write("fl", 0, 1, 1), error, "a write after " + std::to_string(at_ms) + " ms");
  }
}

TARGET_SCENARIO(Flakey, DropWrites) {
  auto& disk = m.add_disk("d0");
  check_equal(m.write("d0", 8, 4, 3), 0, "write");
  m.make("fl", "0 16 flakey d0 8 0 9 1 DROP_writes");
  disk.take_log();
  check_equal(m.write("fl", 0, 4, 7), 0, "write");
  check_equal(m.flush("fl"), 0, "flush");
  check_equal(m.issue("fl", blk::BioOp::Discard, 0, 4), 0, "discard");
  check_equal(disk.take_log(), Lines{}, "nothing arrives");
  check_equal(m.read("fl", 0, 4), std::vector<u8>(4, 3), "reads go on");
  check_equal(m.table("fl"), std::string("d0 8 0 9 1 drop_writes"), "table");
}

TARGET_SCENARIO(Flakey, ErrorWrites) {
  auto& disk = m.add_disk("d0");
  m.make("fl", "0 16 flakey d0 0 0 9 1 error_writes");
  check_equal(m.write("fl", 0, 4, 7), EIO, "write");
  check_equal(m.flush("fl"), EIO, "flush");
  check_equal(disk.take_log(), Lines{}, "nothing arrives");
  check_equal(m.read("fl", 0, 4), std::vector<u8>(4, 0), "reads go on");
}

// R50: down, the nth byte of what a matching bio reads or writes, across its segments.
TARGET_SCENARIO(Flakey, CorruptsTheNthByte) {
  m.add_disk("d0");
  m.make("w", "0 16 flakey d0 0 0 9 5 corrupt_bio_byte 514 w 255 0");
  std::vector<u8> first(kSectorBytes, 1);
  std::vector<u8> second(kSectorBytes, 1);
  const iovec segments[] = {{first.data(), first.size()}, {second.data(), second.size()}};
  check_equal(m.issue("w", blk::BioOp::Write, 0, 2, 0, segments), 0, "write");
  check_equal(u32{second[1]}, 255U, "the caller's own memory is altered");
  check_equal(std::ranges::count(first, u8{1}) + std::ranges::count(second, u8{1}),
              std::ptrdiff_t{1023}, "and nothing else of it");
  std::ranges::fill(second, u8{0});
  check_equal(m.issue("d0", blk::BioOp::Read, 0, 2, 0, segments), 0, "read");
  check_equal(u32{second[1]}, 255U, "the disk has it");
  check_equal(m.issue("w", blk::BioOp::Read, 0, 2, 0, segments), 0, "read");
  check_equal(m.remove("w"), 0, "remove");

  m.make("r", "0 16 flakey d0 0 0 9 6 corrupt_bio_byte 1 R 9 0 drop_writes");
  check_equal(m.table("r"), std::string("d0 0 0 9 6 drop_writes corrupt_bio_byte 1 r 9 0"),
              "table");
  check_equal(m.issue("r", blk::BioOp::Read, 0, 2, 0, segments), 0, "read");
  check_equal(u32{first[0]} * 1000 + first[1], 9001U, "what was read");
  check_equal(u32{second[0]} * 1000 + second[1], 1255U, "and only the one byte");
  check_equal(m.remove("r"), 0, "remove");

  // Byte 1024 is the last of two sectors, 1025 lies behind them.
  m.make("last", "0 16 flakey d0 0 0 9 5 corrupt_bio_byte 1024 r 9 0");
  check_equal(m.issue("last", blk::BioOp::Read, 0, 2, 0, segments), 0, "read");
  check_equal(u32{second[511]}, 9U, "the last byte");
  m.make("past", "0 16 flakey d0 0 0 9 5 corrupt_bio_byte 1025 r 9 0");
  check_equal(m.issue("past", blk::BioOp::Read, 0, 2, 0, segments), 0, "read");
  check_equal(std::ranges::count(first, u8{9}) + std::ranges::count(second, u8{9}),
              std::ptrdiff_t{0}, "behind the end");
}

// The mask is of 6.1's bi_opf: 4096 is REQ_META, 1 a write.
TARGET_SCENARIO(Flakey, CorruptsOnlyBiosWithTheFlags) {
  m.add_disk("d0");
  m.make("fl", "0 16 flakey d0 0 0 9 5 corrupt_bio_byte 1 w 255 4097");
  check_equal(m.write("fl", 0, 1, 1), 0, "write");
  check_equal(m.read("d0", 0, 1), std::vector<u8>{1}, "without REQ_META");
  check_equal(m.write("fl", 0, 1, 1, blk::kReqMeta), 0, "write");
  check_equal(m.read("d0", 0, 1), std::vector<u8>{255}, "with it");
  check_equal(read_error(m, "fl"), 0, "reads are left alone");
}

TARGET_SCENARIO(Flakey, WhatTheConstructorRefuses) {
  m.add_disk("d0");
  m.refuses("0 16 flakey d0 0 1", "Invalid argument count");
  m.refuses("0 16 flakey d0 x 1 1", "Invalid device sector");
  m.refuses("0 16 flakey d0 0 x 1", "Invalid up interval");
  m.refuses("0 16 flakey d0 0 1 x", "Invalid down interval");
  m.refuses("0 16 flakey d0 0 0 0", "Total (up + down) interval is zero");
  m.refuses("0 16 flakey d0 0 4294967295 4294967295", "Interval overflow");
  m.refuses("0 16 flakey d0 0 1 1 7", "Invalid number of feature args");
  m.refuses("0 16 flakey d0 0 1 1 2 drop_writes", "Invalid number of feature args");
  m.refuses("0 16 flakey d0 0 1 1 1 nosuch", "Unrecognised flakey feature requested");
  m.refuses("0 16 flakey d0 0 1 1 2 drop_writes drop_writes", "Feature drop_writes duplicated");
  m.refuses("0 16 flakey d0 0 1 1 2 error_writes error_writes", "Feature error_writes duplicated");
  m.refuses("0 16 flakey d0 0 1 1 2 drop_writes error_writes",
            "Feature error_writes conflicts with feature drop_writes");
  m.refuses("0 16 flakey d0 0 1 1 2 error_writes drop_writes",
            "Feature drop_writes conflicts with feature error_writes");
  m.refuses("0 16 flakey d0 0 1 1 1 corrupt_bio_byte",
            "Feature corrupt_bio_byte requires parameters");
  m.refuses("0 16 flakey d0 0 1 1 5 corrupt_bio_byte 0 r 1 0", "Invalid corrupt bio byte");
  m.refuses("0 16 flakey d0 0 1 1 5 corrupt_bio_byte 1 x 1 0",
            "Invalid corrupt bio direction (r or w)");
  m.refuses("0 16 flakey d0 0 1 1 5 corrupt_bio_byte 1 r 256 0", "Invalid corrupt value");
  m.refuses("0 16 flakey d0 0 1 1 5 corrupt_bio_byte 1 r 1 x", "Invalid corrupt bio flags mask");
  m.refuses("0 16 flakey d0 0 1 1 4 corrupt_bio_byte 1 r 1 0", "Insufficient feature arguments");
  m.refuses("0 16 flakey d0 0 1 1 6 drop_writes corrupt_bio_byte 1 w 1 0",
            "drop_writes is incompatible with corrupt_bio_byte with the WRITE flag set");
  m.refuses("0 16 flakey d0 0 1 1 6 error_writes corrupt_bio_byte 1 w 1 0",
            "error_writes is incompatible with corrupt_bio_byte with the WRITE flag set");
  m.refuses("0 16 flakey d7 0 1 1", "Device lookup failed", ENODEV);
}

}  // namespace
}  // namespace bioscope::dm
