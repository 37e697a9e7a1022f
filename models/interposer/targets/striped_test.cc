// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "models/interposer/targets/testing/target_machine.h"

namespace bioscope::dm {
namespace {

using testing::check;
using testing::check_equal;
using testing::Lines;

constexpr u64 kSize = 48;
constexpr u64 kChunk = 4;
constexpr u64 kStarts[] = {0, 8, 3};
constexpr const char* kTable = "0 48 striped 3 4 d0 0 d1 8 d2 3";

// R47, said once more.
struct Place {
  std::size_t disk;
  u64 sector;
};
Place place_of(u64 sector) {
  const u64 chunk = sector / kChunk;
  return {chunk % 3, chunk / 3 * kChunk + sector % kChunk + kStarts[chunk % 3]};
}

TARGET_SCENARIO(Striped, ChunksGoRound) {
  blk::testing::TestDisk* disks[] = {&m.add_disk("d0"), &m.add_disk("d1"), &m.add_disk("d2")};
  m.make("s", kTable);
  for (u64 sector = 0; sector < kSize; ++sector) {
    check_equal(m.write("s", sector, 1, static_cast<u8>(sector + 1)), 0, "write");
  }
  for (u64 sector = 0; sector < kSize; ++sector) {
    const Place place = place_of(sector);
    check_equal(u32{disks[place.disk]->byte(place.sector)}, static_cast<u32>(sector + 1),
                "sector " + std::to_string(sector));
  }
  const std::vector<u8> all = m.read("s", 0, kSize);
  for (u64 sector = 0; sector < kSize; ++sector) {
    check_equal(u64{all[sector]}, sector + 1, "read of sector " + std::to_string(sector));
  }
}

// S2: exactly the range is discarded, whatever it covers, with one request for each stripe.
TARGET_SCENARIO(Striped, ADiscardCoversItsRange) {
  blk::testing::TestDisk* disks[] = {&m.add_disk("d0"), &m.add_disk("d1"), &m.add_disk("d2")};
  m.make("s", kTable);
  constexpr std::pair<u64, u64> kRanges[] = {{0, 48}, {1, 1},   {3, 2},   {4, 4},  {2, 10},
                                             {5, 20}, {11, 13}, {12, 12}, {47, 1}, {0, 12}};
  for (const auto& [first, count] : kRanges) {
    check_equal(m.write("s", 0, kSize, 9), 0, "write");
    for (auto* disk : disks) disk->take_log();
    check_equal(m.issue("s", blk::BioOp::Discard, first, count), 0, "discard");
    for (auto* disk : disks) check(disk->take_log().size() <= 1, "one request for each stripe");
    for (u64 sector = 0; sector < kSize; ++sector) {
      const Place place = place_of(sector);
      const bool inside = sector >= first && sector < first + count;
      check_equal(u32{disks[place.disk]->byte(place.sector)}, inside ? 0U : 9U,
                  "sector " + std::to_string(sector) + " after a discard of " +
                      std::to_string(first) + "+" + std::to_string(count));
    }
  }
}

TARGET_SCENARIO(Striped, AFlushGoesToEveryStripe) {
  blk::testing::TestDisk* disks[] = {&m.add_disk("d0"), &m.add_disk("d1"), &m.add_disk("d2")};
  m.make("s", kTable);
  check_equal(m.flush("s"), 0, "flush");
  for (auto* disk : disks) check_equal(disk->take_log(), Lines{"flush"}, "a disk got");
}

TARGET_SCENARIO(Striped, ErrorsAreCountedByStripe) {
  m.add_disk("d0");
  blk::testing::TestDisk& failing = m.add_disk("d1");
  m.make("s", "0 16 striped 2 4 d0 0 d1 0");
  check_equal(m.status("s"), std::string("2 d0 d1 1 AA"), "status");
  failing.fails = [](const rt::DiskIo&) { return EIO; };
  check_equal(m.issue("s", blk::BioOp::Discard, 4, 4), EIO, "discard");
  check_equal(m.write("s", 4, 1, 1), EIO, "write");
  check_equal(m.write("s", 0, 1, 1), 0, "write to the other");
  check_equal(m.status("s"), std::string("2 d0 d1 1 AD"), "status");
  for (int i = 0; i < 30; ++i) check_equal(m.write("s", 4, 1, 1), EIO, "write");
  DeviceInfo info;
  check_equal(m.mapper.info({.name = "s"}, info), 0, "info");
  check(info.event_nr > 0 && info.event_nr < 20, "the first errors tell, and no more of them");
}

TARGET_SCENARIO(Striped, WhatTheConstructorRefuses) {
  m.add_disk("d0");
  m.add_disk("d1");
  m.refuses("0 16 striped 2", "Not enough arguments");
  m.refuses("0 16 striped 0 4", "Invalid stripe count");
  m.refuses("0 16 striped two 4", "Invalid stripe count");
  m.refuses("0 16 striped 2 0 d0 0 d1 0", "Invalid chunk_size");
  m.refuses("0 15 striped 2 1 d0 0 d1 0", "Target length not divisible by number of stripes");
  m.refuses("0 16 striped 2 3 d0 0 d1 0", "Target length not divisible by chunk size");
  m.refuses("0 16 striped 2 4 d0 0 d1", "Not enough destinations specified");
  m.refuses("0 16 striped 2 4 d0 0 d1 x", "Couldn't parse stripe destination");
  m.refuses("0 16 striped 2 4 d0 0 d7 0", "Couldn't parse stripe destination", ENODEV);
  check_equal(m.load("refused", "0 16 striped 2 4 d0 0 d1 32"), 0, "a right one");
  check_equal(m.resume("refused"), 0, "resume");
  check_equal(m.table("refused"), std::string("2 4 d0 0 d1 32"), "table");
}

}  // namespace
}  // namespace bioscope::dm
