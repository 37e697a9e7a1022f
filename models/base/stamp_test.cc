// SPDX-License-Identifier: Apache-2.0
#include "models/base/stamp.h"

#include <gtest/gtest.h>

#include <array>

#include "models/base/hash.h"

namespace bioscope {
namespace {

using SectorBytes = std::array<u8, kSectorBytes>;

TEST(Stamp, IsReadBackFromTheSectorItFills) {
  SectorBytes bytes{};
  const Stamp stamp{3, 1ULL << 40, 7};
  write_stamp(stamp, bytes);
  EXPECT_EQ(read_sector(bytes), Sector(stamp));
}

TEST(Stamp, OperationZeroAtSectorZeroIsNotAZeroSector) {
  SectorBytes bytes{};
  EXPECT_EQ(read_sector(bytes), Sector(Zero{}));
  write_stamp(Stamp{0, 0, 0}, bytes);
  EXPECT_EQ(read_sector(bytes), Sector(Stamp{0, 0, 0}));
}

// A tear at any byte between two different stamps must never pass for either.
TEST(Stamp, AnyTearShows) {
  SectorBytes before{};
  SectorBytes after{};
  write_stamp(Stamp{1, 8, 7}, before);
  write_stamp(Stamp{2, 8, 7}, after);
  for (std::size_t cut = 1; cut < kSectorBytes - 8; ++cut) {
    SectorBytes torn = before;
    std::copy_n(after.begin(), cut, torn.begin());
    if (torn == before || torn == after) continue;
    EXPECT_TRUE(std::holds_alternative<RawRef>(read_sector(torn))) << "cut at byte " << cut;
  }
}

TEST(Stamp, EveryByteIsChecked) {
  SectorBytes bytes{};
  write_stamp(Stamp{1, 8, 7}, bytes);
  for (std::size_t i = 0; i < kSectorBytes; ++i) {
    SectorBytes damaged = bytes;
    damaged[i] ^= 0x40;
    EXPECT_TRUE(std::holds_alternative<RawRef>(read_sector(damaged))) << "byte " << i;
  }
}

TEST(Stamp, TextNamesTheWrite) {
  EXPECT_EQ(to_text(Stamp{3, 128, 7}), "op3@128");
  EXPECT_EQ(to_text(Zero{}), "0");
  EXPECT_EQ(to_text(RawRef{0xabc}), "raw:0000000000000abc");
}

TEST(Hash, Crc32cMatchesThePublishedCheckValue) {
  const std::string_view text = "123456789";
  EXPECT_EQ(crc32c(std::span(reinterpret_cast<const u8*>(text.data()), text.size())), 0xe3069283U);
}

TEST(Hash, IsFixedForEver) {
  EXPECT_EQ(Hash::of("").hex(), "f52a15e9a9b5e89b");
  EXPECT_EQ(Hash::of("bioscope").hex(), "1f0307f895cb3437");
}

}  // namespace
}  // namespace bioscope
