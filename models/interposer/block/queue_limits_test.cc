// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/queue_limits.h"

#include <gtest/gtest.h>

namespace bioscope::blk {
namespace {

TEST(QueueLimits, StackingKeepsTheStricter) {
  QueueLimits top = stacking_limits();
  QueueLimits bottom;
  bottom.max_sectors = 127;
  bottom.logical_block_bytes = bottom.physical_block_bytes = bottom.io_min_bytes = 4096;
  bottom.chunk_sectors = 64;
  bottom.max_segments = 8;
  bottom.max_segment_bytes = 4096;
  bottom.virt_boundary_mask = 4095;
  bottom.max_write_zeroes_sectors = 16;
  bottom.max_secure_erase_sectors = 32;
  EXPECT_TRUE(stack_limits(top, bottom, 0));
  EXPECT_EQ(top.max_sectors, 120U);  // whole blocks
  EXPECT_EQ(top.logical_block_bytes, 4096U);
  EXPECT_EQ(top.chunk_sectors, 64U);
  EXPECT_EQ(top.max_segments, 8U);
  EXPECT_EQ(top.max_segment_bytes, 4096U);
  EXPECT_EQ(top.virt_boundary_mask, 4095U);
  EXPECT_EQ(top.max_write_zeroes_sectors, 16U);
  EXPECT_EQ(top.max_secure_erase_sectors, 32U);
  EXPECT_EQ(top.max_discard_sectors, 0U);

  QueueLimits other;
  other.chunk_sectors = 48;
  other.max_write_zeroes_sectors = 0;
  EXPECT_TRUE(stack_limits(top, other, 0));
  EXPECT_EQ(top.chunk_sectors, 16U);  // the greatest common divisor
  EXPECT_EQ(top.max_write_zeroes_sectors, 0U) << "offered only if all below offer it";
  EXPECT_EQ(top.max_secure_erase_sectors, 32U);
}

TEST(QueueLimits, APieceThatBeginsWithinABlockIsMisaligned) {
  QueueLimits bottom;
  bottom.physical_block_bytes = bottom.io_min_bytes = 4096;
  QueueLimits top = stacking_limits();
  EXPECT_TRUE(stack_limits(top, bottom, 8));
  top = stacking_limits();
  EXPECT_TRUE(stack_limits(top, bottom, 1)) << "512-byte blocks line up with 4096 + 7 * 512";
  bottom.logical_block_bytes = 4096;
  top = stacking_limits();
  EXPECT_FALSE(stack_limits(top, bottom, 1));
}

TEST(QueueLimits, ABoundaryThatWouldCutBlocksIsGivenUp) {
  QueueLimits bottom;
  bottom.physical_block_bytes = bottom.io_min_bytes = 4096;
  bottom.chunk_sectors = 12;
  QueueLimits top = stacking_limits();
  EXPECT_FALSE(stack_limits(top, bottom, 0));
  EXPECT_EQ(top.chunk_sectors, 0U);
}

TEST(QueueLimits, DiscardGranulesMoveWithTheStart) {
  QueueLimits bottom;
  bottom.discard_granularity_bytes = 16 * kSectorBytes;
  bottom.discard_alignment_bytes = 4 * kSectorBytes;
  bottom.max_discard_sectors = 1024;
  QueueLimits top = stacking_limits();
  EXPECT_TRUE(stack_limits(top, bottom, 6));
  EXPECT_EQ(top.max_discard_sectors, 1024U);
  EXPECT_EQ(top.discard_granularity_bytes, 16 * kSectorBytes);
  EXPECT_EQ(top.discard_alignment_bytes, 14 * kSectorBytes);  // granules begin at 4, 20: 20 - 6
}

}  // namespace
}  // namespace bioscope::blk
