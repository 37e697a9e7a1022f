// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/split.h"

#include <algorithm>
#include <limits>

#include "models/interposer/variants.h"

namespace bioscope::blk {
namespace {

u64 round_down(u64 value, u64 unit) {
  return value - value % unit;
}

// get_max_io_size() (R15).
u64 max_io_sectors(u64 sector, const QueueLimits& limits) {
  const u64 physical = limits.physical_block_bytes / kSectorBytes;
  const u64 logical = limits.logical_block_bytes / kSectorBytes;
  u64 most = limits.max_sectors;
  if (planted(Defect::MaxSectorsOffByOne)) ++most;
  if (limits.chunk_sectors != 0 && !planted(Defect::SplitIgnoresChunk)) {
    u64 to_boundary = limits.chunk_sectors - sector % limits.chunk_sectors;
    if (planted(Defect::ChunkOffByOne)) ++to_boundary;
    most = std::min(most, to_boundary);
  }
  const u64 into_block = sector % physical;
  const u64 end = round_down(into_block + most, physical);
  if (end > into_block && !planted(Defect::EndNotAligned)) return end - into_block;
  return round_down(most, logical);
}

// How much of a bio one request takes (bio_split_rw, bvec_split_segs). Addresses stand for the
// offsets of pages: segments are flat memory here.
class SegmentCounter {
 public:
  SegmentCounter(const QueueLimits& limits, u64 max_bytes)
      : limits_(limits),
        max_bytes_(max_bytes),
        max_segments_(limits.max_segments + (planted(Defect::SegmentsOffByOne) ? 1U : 0U)) {}

  // False: it does not fit whole, and nothing after it may be added.
  bool add(u64 address, u64 bytes) {
    const bool follows = segments_ > 0;
    if (follows && gap_between(previous_end_, address)) return false;
    previous_end_ = address + bytes;
    const u64 fits = std::min(bytes, max_bytes_ - bytes_);
    u64 taken = 0;
    while (taken < fits && segments_ < max_segments_) {
      if (taken > 0 && gap_between(address + taken, address + taken)) break;
      taken += std::min<u64>(fits - taken, limits_.max_segment_bytes);
      ++segments_;
    }
    bytes_ += taken;
    return taken == bytes;
  }

  u64 bytes() const { return bytes_; }

 private:
  bool gap_between(u64 end, u64 start) const {
    if (planted(Defect::SplitIgnoresGaps)) return false;
    return ((end | start) & limits_.virt_boundary_mask) != 0;
  }

  const QueueLimits& limits_;
  u64 max_bytes_;
  u64 max_segments_;
  u64 segments_ = 0;
  u64 bytes_ = 0;
  u64 previous_end_ = 0;
};

// R15, R16.
u64 split_data(const Bio& bio, const QueueLimits& limits) {
  const u64 total = bio.iter.size_bytes;
  const u64 max_bytes = max_io_sectors(bio.iter.sector, limits) * kSectorBytes;
  SegmentCounter counter(limits, max_bytes);
  bool whole = true;
  bio_for_each_segment(bio, [&](const u8* memory, u64 bytes) {
    whole = counter.add(reinterpret_cast<std::uintptr_t>(memory), bytes);
    return whole;
  });
  if (whole) return 0;
  // Limits that contradict each other leave room for less than a block, where Linux has a BUG: a
  // block is the least that can be asked for.
  const u64 logical = limits.logical_block_bytes;
  const u64 front = std::max(round_down(counter.bytes(), logical), logical);
  return front < total ? front / kSectorBytes : 0;
}

// bio_split_discard() (R17).
u64 split_discard(const Bio& bio, const QueueLimits& limits) {
  const u64 granularity = std::max<u64>(limits.discard_granularity_bytes / kSectorBytes, 1);
  const u64 most = round_down(limits.max_discard_sectors, granularity);
  if (most == 0 || bio_sectors(bio) <= most) return 0;
  const u64 alignment = (limits.discard_alignment_bytes / kSectorBytes) % granularity;
  if (planted(Defect::DiscardNotAligned)) return most;
  // most >= granularity > alignment, so this does not go below zero; and the rest is less than
  // most.
  const u64 past = (bio.iter.sector + most - alignment) % granularity;
  return most > past ? most - past : most;
}

// bio_split_write_zeroes() (R18).
u64 split_write_zeroes(const Bio& bio, const QueueLimits& limits) {
  const u64 most = limits.max_write_zeroes_sectors;
  if (planted(Defect::WriteZeroesNotSplit)) return 0;
  return most == 0 || bio_sectors(bio) <= most ? 0 : most;
}

}  // namespace

u64 split_point(const Bio& bio, const QueueLimits& limits) {
  switch (bio.op) {
    case BioOp::Read:
    case BioOp::Write:
      return bio.iter.size_bytes == 0 ? 0 : split_data(bio, limits);
    case BioOp::Discard:
    case BioOp::SecureErase:
      return split_discard(bio, limits);
    case BioOp::WriteZeroes:
      return split_write_zeroes(bio, limits);
    case BioOp::Flush:
      return 0;
  }
  return 0;
}

}  // namespace bioscope::blk
