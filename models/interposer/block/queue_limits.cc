// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/queue_limits.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace bioscope::blk {
namespace {

constexpr u32 kMostSegments = 65535;  // USHRT_MAX

template <typename T>
T min_not_zero(T a, T b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

u32 lcm_not_zero(u32 a, u32 b) {
  return a != 0 && b != 0 ? std::lcm(a, b) : std::max(a, b);
}

u32 round_down_sectors(u32 sectors, u32 logical_block_bytes) {
  const u32 block_sectors = logical_block_bytes / kSectorBytes;
  return std::max(sectors - sectors % block_sectors, block_sectors);
}

// How far behind `start_sector` the next granule begins, in bytes.
u32 offset_in(u32 granularity_sectors, u32 alignment_sectors, u64 start_sector) {
  const u64 into = start_sector % granularity_sectors;
  return static_cast<u32>((granularity_sectors + alignment_sectors % granularity_sectors - into) %
                          granularity_sectors) *
         kSectorBytes;
}

bool line_up(u32 a, u32 b) {
  return std::max(a, b) % std::min(a, b) == 0;
}

void stack_discard(QueueLimits& top, const QueueLimits& bottom, u64 start_sector) {
  const u32 granularity_sectors = bottom.discard_granularity_bytes / kSectorBytes;
  if (bottom.discard_granularity_bytes == 0) return;
  const u32 alignment_bytes =
      bottom.max_discard_sectors == 0 || granularity_sectors == 0
          ? 0
          : offset_in(granularity_sectors, bottom.discard_alignment_bytes / kSectorBytes,
                      start_sector);
  top.max_discard_sectors = min_not_zero(top.max_discard_sectors, bottom.max_discard_sectors);
  top.discard_granularity_bytes =
      std::max(top.discard_granularity_bytes, bottom.discard_granularity_bytes);
  top.discard_alignment_bytes =
      lcm_not_zero(top.discard_alignment_bytes, alignment_bytes) % top.discard_granularity_bytes;
}

}  // namespace

QueueLimits stacking_limits() {
  QueueLimits limits;
  limits.max_sectors = std::numeric_limits<u32>::max();
  limits.max_segments = kMostSegments;
  limits.max_segment_bytes = std::numeric_limits<u32>::max();
  limits.max_write_zeroes_sectors = std::numeric_limits<u32>::max();
  return limits;
}

bool stack_limits(QueueLimits& top, const QueueLimits& bottom, u64 start_sector) {
  bool aligned = true;
  top.max_sectors = min_not_zero(top.max_sectors, bottom.max_sectors);
  top.max_write_zeroes_sectors =
      std::min(top.max_write_zeroes_sectors, bottom.max_write_zeroes_sectors);
  top.max_secure_erase_sectors =
      min_not_zero(top.max_secure_erase_sectors, bottom.max_secure_erase_sectors);
  top.virt_boundary_mask = min_not_zero(top.virt_boundary_mask, bottom.virt_boundary_mask);
  top.max_segments = min_not_zero(top.max_segments, bottom.max_segments);
  top.max_segment_bytes = min_not_zero(top.max_segment_bytes, bottom.max_segment_bytes);

  const u32 bottom_block = std::max(bottom.physical_block_bytes, bottom.io_min_bytes);
  const u32 offset_bytes = offset_in(bottom_block / kSectorBytes, 0, start_sector);
  if (offset_bytes != 0) {
    const u32 top_block = std::max(top.physical_block_bytes, top.io_min_bytes);
    aligned = line_up(top_block, bottom_block + offset_bytes);
  }

  top.logical_block_bytes = std::max(top.logical_block_bytes, bottom.logical_block_bytes);
  top.physical_block_bytes = std::max(top.physical_block_bytes, bottom.physical_block_bytes);
  top.io_min_bytes = std::max(top.io_min_bytes, bottom.io_min_bytes);
  if (bottom.chunk_sectors != 0) {
    top.chunk_sectors = std::gcd(top.chunk_sectors, bottom.chunk_sectors);
  }
  if (top.physical_block_bytes % top.logical_block_bytes != 0) {
    top.physical_block_bytes = top.logical_block_bytes;
    aligned = false;
  }
  if (top.io_min_bytes % top.physical_block_bytes != 0) {
    top.io_min_bytes = top.physical_block_bytes;
    aligned = false;
  }
  // A boundary that is not a multiple of the block would cut blocks: better none (blk_stack_limits
  // gives it up as well).
  if (top.chunk_sectors % (top.physical_block_bytes / kSectorBytes) != 0) {
    top.chunk_sectors = 0;
    aligned = false;
  }
  if (offset_bytes % top.logical_block_bytes != 0) aligned = false;
  top.max_sectors = round_down_sectors(top.max_sectors, top.logical_block_bytes);
  stack_discard(top, bottom, start_sector);
  return aligned;
}

}  // namespace bioscope::blk
