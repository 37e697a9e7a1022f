// SPDX-License-Identifier: Apache-2.0
#include "models/spec/first_piece.h"

#include <algorithm>
#include <cassert>

namespace bioscope::spec {
namespace {

u64 in_sectors(u32 bytes) {
  return std::max<u64>(1, bytes / kSectorBytes);
}

// R15: tries every length. A chunk is not crossed; an end on a physical block is preferred, also to
// one that would take the whole bio.
u64 longest_by_size(u64 first, u64 count, const PieceLimits& limits) {
  if (limits.max_sectors == 0 && limits.chunk_sectors == 0) return count;
  u64 longest_physical = 0;
  u64 longest_logical = 0;
  for (u64 n = 1; limits.max_sectors == 0 || n <= limits.max_sectors; ++n) {
    if ((first + n) % in_sectors(limits.physical_block_bytes) == 0) longest_physical = n;
    if (n % in_sectors(limits.logical_block_bytes) == 0) longest_logical = n;
    const bool at_chunk_end = limits.chunk_sectors != 0 && (first + n) % limits.chunk_sectors == 0;
    if (at_chunk_end) break;
  }
  return std::min(count, longest_physical != 0 ? longest_physical : longest_logical);
}

// R16: how many bytes a request takes before it would need a gap, a segment too many or a segment
// too long.
u64 longest_by_segments(const PieceLimits& limits, std::span<const PieceSegment> segments) {
  u64 bytes = 0;
  u64 used = 0;
  u64 previous_end = 0;
  for (const PieceSegment& segment : segments) {
    const bool gap =
        used > 0 && ((previous_end | segment.address) & limits.virt_boundary_mask) != 0;
    if (gap) return bytes;
    u64 left = segment.length_bytes;
    u64 at = segment.address;
    while (left > 0) {
      if (limits.max_segments != 0 && used == limits.max_segments) return bytes;
      const u64 part =
          limits.max_segment_bytes == 0 ? left : std::min<u64>(left, limits.max_segment_bytes);
      ++used;
      bytes += part;
      at += part;
      left -= part;
      if (left > 0 && (at & limits.virt_boundary_mask) != 0) return bytes;
    }
    previous_end = at;
  }
  return bytes;
}

// R17: tries every length that the limit allows and keeps the last one after which a granule
// begins.
u64 discard_piece(u64 first, u64 count, const PieceLimits& limits) {
  const u64 granule = in_sectors(limits.discard_granularity_bytes);
  const u64 most = limits.max_discard_sectors - limits.max_discard_sectors % granule;
  if (most == 0 || count <= most) return count;
  const u64 offset = limits.discard_alignment_bytes / kSectorBytes % granule;
  for (u64 n = most; n > 0; --n) {
    if ((first + n + granule - offset) % granule == 0) return n;
  }
  return most;
}

}  // namespace

u64 first_piece(PieceOperation operation, u64 first_sector, u64 count_sectors,
                const PieceLimits& limits, std::span<const PieceSegment> segments) {
  assert(count_sectors > 0);
  switch (operation) {
    case PieceOperation::Discard:
      return discard_piece(first_sector, count_sectors, limits);
    case PieceOperation::WriteZeroes:  // R18
      return limits.max_write_zeroes_sectors == 0
                 ? count_sectors
                 : std::min<u64>(count_sectors, limits.max_write_zeroes_sectors);
    case PieceOperation::Data:
      break;
  }
  const u64 block = in_sectors(limits.logical_block_bytes);
  u64 piece = longest_by_size(first_sector, count_sectors, limits);
  if (!segments.empty()) {
    const u64 by_segments = longest_by_segments(limits, segments) / kSectorBytes;
    if (by_segments < piece) piece = by_segments;
  }
  if (piece == count_sectors) return piece;
  piece -= piece % block;
  return piece == 0 ? std::min(block, count_sectors) : piece;
}

}  // namespace bioscope::spec
