// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/cow_format.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <limits>
#include <vector>

#include "models/base/chooser.h"

namespace bioscope::dm {
namespace {

constexpr u32 kChunk = 1;  // sectors; 32 entries an area
constexpr u32 kEntries = 32;

std::vector<u8> area_of(std::initializer_list<CowEntry> entries) {
  std::vector<u8> area(std::size_t{kChunk} * kSectorBytes);
  u32 index = 0;
  for (const CowEntry& entry : entries) write_cow_entry(entry, area, index++);
  return area;
}

std::vector<u8> full_area(u64 first_old, u64 first_new) {
  std::vector<u8> area(std::size_t{kChunk} * kSectorBytes);
  for (u32 i = 0; i < kEntries; ++i) write_cow_entry({first_old + i, first_new + i}, area, i);
  return area;
}

TEST(CowFormat, HeaderIsFourLittleEndianWords) {
  // magic "SnAp", valid 1, version 1, chunk size 8.
  constexpr std::array<u8, 16> kExpected{0x53, 0x6e, 0x41, 0x70, 1, 0, 0, 0,
                                         1,    0,    0,    0,    8, 0, 0, 0};
  std::vector<u8> chunk(4096, 0xff);
  write_cow_header({.chunk_sectors = 8}, chunk);
  EXPECT_TRUE(std::equal(kExpected.begin(), kExpected.end(), chunk.begin()));
  for (std::size_t i = 16; i < chunk.size(); ++i) ASSERT_EQ(chunk[i], 0) << "byte " << i;
  EXPECT_EQ(read_cow_header(kExpected), (CowHeader{0x70416e53, 1, 1, 8}));
}

TEST(CowFormat, HeaderOfAnInvalidSnapshot) {
  constexpr std::array<u8, 16> kBytes{0x53, 0x6e, 0x41, 0x70, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3};
  const CowHeader header = read_cow_header(kBytes);
  EXPECT_EQ(header.valid, 0U);
  EXPECT_EQ(header.chunk_sectors, 0x03020100U);
}

TEST(CowFormat, EntryIsTwoLittleEndianNumbers) {
  constexpr std::array<u8, 16> kExpected{0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
                                         0x02, 0,    0,    0,    0,    0,    0,    0};
  std::vector<u8> area(512);
  write_cow_entry({0x0102030405060708, 2}, area, 3);
  EXPECT_TRUE(std::equal(kExpected.begin(), kExpected.end(), area.begin() + 48));
  EXPECT_EQ(area[47], 0);
  EXPECT_EQ(area[64], 0);
  EXPECT_EQ(read_cow_entry(area, 3), (CowEntry{0x0102030405060708, 2}));
}

TEST(CowFormat, AreasLieBetweenTheDataTheyDescribe) {
  const CowLayout layout(8);
  EXPECT_EQ(layout.entries_per_area(), 256U);
  EXPECT_EQ(layout.area_chunk(0), 1U);
  EXPECT_EQ(layout.area_chunk(1), 258U);
  EXPECT_EQ(layout.area_chunk(2), 515U);
  EXPECT_EQ(layout.first_free(), 2U);
  EXPECT_EQ(layout.skip_metadata(1), 2U);
  EXPECT_EQ(layout.skip_metadata(257), 257U);
  EXPECT_EQ(layout.skip_metadata(258), 259U);
  EXPECT_EQ(layout.skip_metadata(259), 259U);
}

struct Scanned {
  std::vector<CowEntry> entries;
  int error = 0;
};

Scanned scan_one(CowScan& scan, std::span<const u8> area) {
  Scanned result;
  result.error = scan.take(area, [&](const CowEntry& entry) { result.entries.push_back(entry); });
  return result;
}

TEST(CowScan, NothingOnADeviceThatIsNew) {
  CowScan scan{CowLayout(kChunk)};
  EXPECT_EQ(scan.next_chunk(), 1U);
  EXPECT_TRUE(scan_one(scan, area_of({})).entries.empty());
  ASSERT_TRUE(scan.finished());
  EXPECT_EQ(scan.area(), 0U);
  EXPECT_EQ(scan.committed(), 0U);
  EXPECT_EQ(scan.next_free(), 2U);
}

TEST(CowScan, StopsAtTheFirstEntryWithoutNewChunk) {
  CowScan scan{CowLayout(kChunk)};
  const Scanned found = scan_one(scan, area_of({{7, 2}, {0, 3}, {9, 0}, {5, 4}}));
  EXPECT_EQ(found.error, 0);
  EXPECT_EQ(found.entries, (std::vector<CowEntry>{{7, 2}, {0, 3}}));
  ASSERT_TRUE(scan.finished());
  EXPECT_EQ(scan.committed(), 2U);
  EXPECT_EQ(scan.next_free(), 4U);
}

TEST(CowScan, GoesOnAfterAFullArea) {
  CowScan scan{CowLayout(kChunk)};
  EXPECT_EQ(scan_one(scan, full_area(100, 2)).entries.size(), kEntries);
  ASSERT_FALSE(scan.finished());
  EXPECT_EQ(scan.next_chunk(), 34U);
  EXPECT_EQ(scan_one(scan, area_of({{0, 35}})).entries.size(), 1U);
  ASSERT_TRUE(scan.finished());
  EXPECT_EQ(scan.area(), 1U);
  EXPECT_EQ(scan.committed(), 1U);
  EXPECT_EQ(scan.next_free(), 36U);
}

TEST(CowScan, AFullAreaBeforeAnEmptyOneLeavesItsChunkOut) {
  CowScan scan{CowLayout(kChunk)};
  (void)scan_one(scan, full_area(100, 2));  // the last one has chunk 33; 34 is area 1
  (void)scan_one(scan, area_of({}));
  ASSERT_TRUE(scan.finished());
  EXPECT_EQ(scan.next_free(), 35U);
}

// Commits are in order of allocation, but older kernels left holes.
TEST(CowScan, NextFreeIsBehindTheHighestChunk) {
  CowScan scan{CowLayout(kChunk)};
  (void)scan_one(scan, area_of({{1, 9}, {2, 3}}));
  EXPECT_EQ(scan.next_free(), 10U);
}

TEST(CowScan, RefusesANewChunkThatIsNoNumberOfAChunk) {
  for (const u64 bad : {kMostNewChunk + 1, std::numeric_limits<u64>::max()}) {
    CowScan scan{CowLayout(kChunk)};
    EXPECT_EQ(scan_one(scan, area_of({{1, 2}, {2, bad}})).error, EINVAL);
  }
  CowScan scan{CowLayout(kChunk)};
  EXPECT_EQ(scan_one(scan, area_of({{1, kMostNewChunk}})).error, 0);
  EXPECT_EQ(scan.next_free(), kMostNewChunk + 1);
}

// F3: any bytes are recovered or refused.
TEST(CowScan, AnyBytes) {
  for (u64 seed = 1; seed <= 500; ++seed) {
    Chooser chooser(seed);
    const u32 chunk_sectors = 1U << chooser.pick(ChoiceKind::Generate, 0, 4);
    const CowLayout layout(chunk_sectors);
    CowScan scan(layout);
    std::size_t found = 0;
    for (int areas = 0; areas < 4 && !scan.finished(); ++areas) {
      std::vector<u8> area(std::size_t{chunk_sectors} * kSectorBytes);
      const bool sparse = chooser.chance(ChoiceKind::Generate, 1, 50);
      for (u8& byte : area) {
        if (sparse && chooser.chance(ChoiceKind::Generate, 2, 90)) continue;
        byte = static_cast<u8>(chooser.pick(ChoiceKind::Generate, 3, 256));
      }
      for (u32 i = 0; i < layout.entries_per_area(); ++i) {  // keep most numbers possible
        if (chooser.chance(ChoiceKind::Generate, 4, 99)) area[i * 16 + 15] = 0;
      }
      const int error = scan.take(area, [&](const CowEntry& entry) {
        ++found;
        EXPECT_FALSE(entry.ends());
        EXPECT_LE(entry.new_chunk, kMostNewChunk);
      });
      if (error != 0) break;
    }
    if (!scan.finished()) continue;
    EXPECT_EQ(found, scan.area() * layout.entries_per_area() + scan.committed());
    EXPECT_LT(scan.committed(), layout.entries_per_area());
    EXPECT_GE(scan.next_free(), 2U);
  }
}

}  // namespace
}  // namespace bioscope::dm
