// SPDX-License-Identifier: Apache-2.0
#include "models/spec/first_piece.h"

#include <gtest/gtest.h>

#include <vector>

namespace bioscope::spec {
namespace {

u64 data(u64 first, u64 count, const PieceLimits& limits,
         const std::vector<PieceSegment>& segments = {}) {
  return first_piece(PieceOperation::Data, first, count, limits, segments);
}

TEST(FirstPiece, WithoutLimitsEverythingFits) {
  EXPECT_EQ(data(0, 1, {}), 1U);
  EXPECT_EQ(data((1ULL << 33) + 3, 65536, {}), 65536U);
}

TEST(FirstPiece, R15MaxSectorsChunkAndPhysicalBlock) {
  EXPECT_EQ(data(0, 100, {.max_sectors = 64}), 64U);
  EXPECT_EQ(data(0, 64, {.max_sectors = 64}), 64U);
  EXPECT_EQ(data(5, 100, {.chunk_sectors = 24}), 19U) << "a chunk need not be a power of two";
  EXPECT_EQ(data(23, 2, {.chunk_sectors = 24}), 1U);
  EXPECT_EQ(data(24, 24, {.chunk_sectors = 24}), 24U);
  const PieceLimits physical{.physical_block_bytes = 4096, .max_sectors = 20};
  EXPECT_EQ(data(3, 100, physical), 13U) << "the end is aligned, not the length";
  EXPECT_EQ(data(0, 100, physical), 16U);
  EXPECT_EQ(data(3, 20, physical), 13U) << "also where the whole would be within the limit";
  EXPECT_EQ(data(3, 13, physical), 13U);
  const PieceLimits small{.physical_block_bytes = 4096, .max_sectors = 4};
  EXPECT_EQ(data(1, 100, small), 4U) << "no physical block ends in reach";
}

TEST(FirstPiece, R16SegmentsAndTheVirtualBoundary) {
  const std::vector<PieceSegment> pages{{0x1000, 4096}, {0x3000, 4096}, {0x5000, 4096}};
  EXPECT_EQ(data(0, 24, {.max_segments = 2}, pages), 16U);
  EXPECT_EQ(data(0, 24, {.virt_boundary_mask = 0xfff}, pages), 24U);
  const std::vector<PieceSegment> gap{{0x1000, 2048}, {0x3000, 2048}};
  EXPECT_EQ(data(0, 8, {.virt_boundary_mask = 0xfff}, gap), 4U);
  const std::vector<PieceSegment> starts_inside{{0x1000, 4096}, {0x3200, 512}};
  EXPECT_EQ(data(0, 9, {.virt_boundary_mask = 0xfff}, starts_inside), 8U);
  const std::vector<PieceSegment> one{{0, 65536}};
  EXPECT_EQ(data(0, 128, {.max_segments = 3, .max_segment_bytes = 8192}, one), 48U);
  const std::vector<PieceSegment> odd{{0x1000, 512}, {0x3000, 4096}};
  EXPECT_EQ(data(0, 9, {.logical_block_bytes = 4096, .max_segments = 1}, odd), 8U)
      << "nothing fits: one logical block goes all the same";
}

TEST(FirstPiece, R17DiscardsEndWhereAGranuleBegins) {
  const PieceLimits limits{.discard_granularity_bytes = 4096,
                           .discard_alignment_bytes = 1024,
                           .max_discard_sectors = 30};
  const auto discard = [&](u64 first, u64 count) {
    return first_piece(PieceOperation::Discard, first, count, limits, {});
  };
  EXPECT_EQ(discard(2, 100), 24U) << "the limit is cut to whole granules, 2 is aligned";
  EXPECT_EQ(discard(5, 100), 21U);
  EXPECT_EQ(discard(5, 24), 24U) << "what is within the limit goes whole";
  EXPECT_EQ(first_piece(PieceOperation::Discard, 0, 9,
                        {.discard_granularity_bytes = 8192, .max_discard_sectors = 8}, {}),
            9U)
      << "a limit below the granularity is none";
}

TEST(FirstPiece, R18WriteZeroes) {
  const PieceLimits limits{.max_sectors = 4, .max_write_zeroes_sectors = 16};
  EXPECT_EQ(first_piece(PieceOperation::WriteZeroes, 3, 40, limits, {}), 16U);
  EXPECT_EQ(first_piece(PieceOperation::WriteZeroes, 3, 16, limits, {}), 16U);
}

TEST(FirstPiece, PiecesTileAndAreNeverEmpty) {
  const PieceLimits limits{.logical_block_bytes = 1024,
                           .physical_block_bytes = 4096,
                           .max_sectors = 6,
                           .chunk_sectors = 7};
  for (u64 first = 0; first < 40; first += 2) {
    u64 at = first;
    u64 left = 64;
    while (left > 0) {
      const u64 piece = data(at, left, limits);
      ASSERT_GT(piece, 0U);
      ASSERT_LE(piece, left);
      at += piece;
      left -= piece;
    }
    EXPECT_EQ(at, first + 64);
  }
}

}  // namespace
}  // namespace bioscope::spec
