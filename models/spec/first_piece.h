// SPDX-License-Identifier: Apache-2.0
// How much of a bio goes first, told sector by sector: slow, and too simple to be wrong. What a
// disk does is judged against it (R15-R18), and what a mapped device does (R41). Pure functions.
#pragma once

#include <span>

#include "models/base/types.h"

namespace bioscope::spec {

enum class PieceOperation : u8 { Data, Discard, WriteZeroes };

// What a request-based disk takes in one piece, in the terms of rules R15 to R18. 0: no limit.
struct PieceLimits {
  u32 logical_block_bytes = 512;
  u32 physical_block_bytes = 512;
  u32 max_sectors = 0;
  u32 chunk_sectors = 0;
  u32 max_segments = 0;
  u32 max_segment_bytes = 0;
  u64 virt_boundary_mask = 0;
  u32 discard_granularity_bytes = 0;
  u32 discard_alignment_bytes = 0;
  u32 max_discard_sectors = 0;
  u32 max_write_zeroes_sectors = 0;
};

// One stretch of memory: where it begins, for the virtual boundary, and how long it is.
struct PieceSegment {
  u64 address = 0;
  u64 length_bytes = 0;
};

// Sectors of the first piece of a bio of `count_sectors` from `first_sector` on; count_sectors when
// it fits whole. `segments` may be empty: one stretch at an address that is aligned to everything.
// Never 0 (P11): where the limits conflict so that nothing fits, one logical block goes.
u64 first_piece(PieceOperation operation, u64 first_sector, u64 count_sectors,
                const PieceLimits& limits, std::span<const PieceSegment> segments);

}  // namespace bioscope::spec
