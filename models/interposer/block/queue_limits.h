// SPDX-License-Identifier: Apache-2.0
// struct queue_limits: what a device takes in one piece. Plain values and pure functions.
#pragma once

#include "models/base/types.h"

namespace bioscope::blk {

// Zero means "no limit" for chunk_sectors, "not offered" for the discard-like maxima.
struct QueueLimits {
  u32 logical_block_bytes = 512;
  u32 physical_block_bytes = 512;
  u32 io_min_bytes = 512;
  u32 max_sectors = 2560;  // BLK_DEF_MAX_SECTORS; of a read or write
  u32 chunk_sectors = 0;   // a piece does not cross a multiple of it; need not be a power of two
  u32 max_segments = 128;
  u32 max_segment_bytes = 65536;
  u64 virt_boundary_mask = 0;  // a gap within a bio where (address & mask) != 0
  u32 discard_granularity_bytes = 0;
  u32 discard_alignment_bytes = 0;  // offset of the first granule
  u32 max_discard_sectors = 0;
  u32 max_write_zeroes_sectors = 0;
  u32 max_secure_erase_sectors = 0;
  bool write_cache = false;  // QUEUE_FLAG_WC: flushes mean something (R4)
  bool fua = false;
  bool nowait = false;  // QUEUE_FLAG_NOWAIT (R5)
  bool operator==(const QueueLimits&) const = default;
};

// blk_set_stacking_limits(): the most permissive, to be stacked upon.
QueueLimits stacking_limits();

// blk_stack_limits(): `top` afterwards respects `bottom`, which begins `start_sector` into its
// device. False: they cannot be aligned with each other; `top` is usable all the same.
bool stack_limits(QueueLimits& top, const QueueLimits& bottom, u64 start_sector);

}  // namespace bioscope::blk
