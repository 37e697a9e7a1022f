// SPDX-License-Identifier: Apache-2.0
// What a persistent snapshot keeps on its COW device: the kernel's format, byte for byte
// (drivers/md/dm-snap-persistent.c, R61-R63). Pure: bytes in, values out, no I/O.
//
//   chunk 0               header: magic, valid, version, chunk size in sectors, each LE32
//   chunk 1 + (E+1)*a     exception area a: E = chunk bytes / 16 entries of LE64 {old, new}
//   every other chunk     data of exceptions
//
// Invariants:
//   F1  The first entry with new == 0 ends the exceptions: chunk 0 is the header and never data.
//   F2  Areas fill in order; the one after a full one was zeroed before that one was committed, so
//       a scan always meets its end (R64).
//   F3  Any bytes are recovered or refused. Numbers that come from the disk are never trusted:
//       no allocation is larger, and no index further, than the layout allows.
#pragma once

#include <functional>
#include <span>

#include "models/base/types.h"

namespace bioscope::dm {

inline constexpr u32 kCowMagic = 0x70416e53;  // "SnAp", as it lies on the disk
inline constexpr u32 kCowVersion = 1;
inline constexpr u32 kCowHeaderChunks = 1;
inline constexpr u32 kCowHeaderBytes = 16;
inline constexpr u32 kCowEntryBytes = 16;
// The upper 8 bits of a new chunk are no part of its number (DM_CHUNK_NUMBER_BITS).
inline constexpr u64 kMostNewChunk = (1ULL << 56) - 1;

struct CowHeader {
  u32 magic = kCowMagic;
  u32 valid = 1;
  u32 version = kCowVersion;
  u32 chunk_sectors = 0;
  bool operator==(const CowHeader&) const = default;
};

// REQUIRES: chunk.size() >= kCowHeaderBytes.
CowHeader read_cow_header(std::span<const u8> chunk);
// The rest of the chunk becomes zero.
void write_cow_header(const CowHeader& header, std::span<u8> chunk);

struct CowEntry {
  u64 old_chunk = 0;
  u64 new_chunk = 0;
  bool ends() const { return new_chunk == 0; }  // F1
  bool operator==(const CowEntry&) const = default;
};

// REQUIRES: (index + 1) * kCowEntryBytes <= area.size().
CowEntry read_cow_entry(std::span<const u8> area, u32 index);
void write_cow_entry(const CowEntry& entry, std::span<u8> area, u32 index);

// Where things lie for one chunk size.
class CowLayout {
 public:
  // REQUIRES: a power of two.
  explicit CowLayout(u32 chunk_sectors)
      : entries_per_area_(chunk_sectors * (kSectorBytes / kCowEntryBytes)) {}

  u32 entries_per_area() const { return entries_per_area_; }
  // area_location().
  u64 area_chunk(u64 area) const { return kCowHeaderChunks + stride() * area; }
  // skip_metadata(): the chunk itself, or the next one where it holds an area.
  u64 skip_metadata(u64 chunk) const {
    return chunk % stride() == kCowHeaderChunks ? chunk + 1 : chunk;
  }
  u64 first_free() const { return kCowHeaderChunks + 1; }

 private:
  u64 stride() const { return u64{entries_per_area_} + 1; }

  u32 entries_per_area_;
};

// Takes areas in order until one is not full: read_exceptions() without the reading.
class CowScan {
 public:
  using Add = std::function<void(const CowEntry& entry)>;

  explicit CowScan(const CowLayout& layout) : layout_(layout), next_free_(layout.first_free()) {}

  // The chunk of the area that comes next. REQUIRES: !finished().
  u64 next_chunk() const { return layout_.area_chunk(area_); }
  // Tells `add` of each entry. 0; EINVAL: an entry that no exception can have.
  // REQUIRES: !finished(); entries_per_area() entries.
  [[nodiscard]] int take(std::span<const u8> area, const Add& add);

  bool finished() const { return finished_; }
  // Of what was found. REQUIRES: finished().
  u64 area() const { return area_; }            // the one that is not full
  u32 committed() const { return committed_; }  // its entries
  u64 next_free() const { return layout_.skip_metadata(next_free_); }

 private:
  CowLayout layout_;
  u64 area_ = 0;
  u32 committed_ = 0;
  u64 next_free_;
  bool finished_ = false;
};

}  // namespace bioscope::dm
