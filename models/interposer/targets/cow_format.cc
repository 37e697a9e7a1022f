// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/cow_format.h"

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "models/interposer/variants.h"

namespace bioscope::dm {
namespace {

template <typename Number>
Number read_le(std::span<const u8> bytes) {
  Number value = 0;
  for (std::size_t i = sizeof(Number); i-- > 0;) {
    value = static_cast<Number>(value << 8 | bytes[i]);
  }
  return value;
}

template <typename Number>
void write_le(Number value, std::span<u8> bytes) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    bytes[i] = static_cast<u8>(value >> (8 * i));
  }
}

}  // namespace

CowHeader read_cow_header(std::span<const u8> chunk) {
  assert(chunk.size() >= kCowHeaderBytes);
  return {read_le<u32>(chunk.subspan(0, 4)), read_le<u32>(chunk.subspan(4, 4)),
          read_le<u32>(chunk.subspan(8, 4)), read_le<u32>(chunk.subspan(12, 4))};
}

void write_cow_header(const CowHeader& header, std::span<u8> chunk) {
  assert(chunk.size() >= kCowHeaderBytes);
  std::ranges::fill(chunk, u8{0});
  write_le(header.magic, chunk.subspan(0, 4));
  write_le(header.valid, chunk.subspan(4, 4));
  write_le(header.version, chunk.subspan(8, 4));
  write_le(header.chunk_sectors, chunk.subspan(12, 4));
}

CowEntry read_cow_entry(std::span<const u8> area, u32 index) {
  const std::span<const u8> entry =
      area.subspan(std::size_t{index} * kCowEntryBytes, kCowEntryBytes);
  return {read_le<u64>(entry.subspan(0, 8)), read_le<u64>(entry.subspan(8, 8))};
}

void write_cow_entry(const CowEntry& entry, std::span<u8> area, u32 index) {
  const std::span<u8> place = area.subspan(std::size_t{index} * kCowEntryBytes, kCowEntryBytes);
  write_le(entry.old_chunk, place.subspan(0, 8));
  write_le(entry.new_chunk, place.subspan(8, 8));
}

int CowScan::take(std::span<const u8> area, const Add& add) {
  assert(!finished_);
  assert(area.size() >= std::size_t{layout_.entries_per_area()} * kCowEntryBytes);
  for (u32 i = 0; i < layout_.entries_per_area(); ++i) {
    const CowEntry entry = read_cow_entry(area, i);
    bool ends = entry.ends();
    if (planted(Defect::RecoveryStopsEarly) && i + 1 < layout_.entries_per_area()) {
      ends = ends || read_cow_entry(area, i + 1).ends();
    }
    if (ends) {
      if (planted(Defect::RecoveryReadsTooMany)) add(entry);
      committed_ = i;
      finished_ = true;
      return 0;
    }
    if (entry.new_chunk > kMostNewChunk) return EINVAL;
    next_free_ = std::max(next_free_, entry.new_chunk + 1);
    add(entry);
  }
  ++area_;
  return 0;
}

}  // namespace bioscope::dm
