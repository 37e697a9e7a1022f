// SPDX-License-Identifier: Apache-2.0
// What a written sector says of itself. A write fills each sector with copies of one stamp, so a
// read tells which write it saw, and a torn sector shows as copies that differ.
#pragma once

#include <span>
#include <string>
#include <variant>

#include "models/base/types.h"

namespace bioscope {

struct Stamp {
  u32 operation = 0;  // index of the writing operation in its trace
  u64 sector = 0;     // the sector that the operation addressed, in its own device's numbers
  u64 seed = 0;       // the trace's seed: tells one trace's data from what an earlier one left
  auto operator<=>(const Stamp&) const = default;
};

struct Zero {
  auto operator<=>(const Zero&) const = default;
};

// Anything else: metadata, a torn sector, bytes of a file system. Equal bytes, equal hash.
struct RawRef {
  u64 hash = 0;
  auto operator<=>(const RawRef&) const = default;
};

using Sector = std::variant<Zero, Stamp, RawRef>;

// Bytes on disk, little endian: operation u32, sector u64, seed u64, crc32c of these 20 bytes u32;
// 21 times, then 8 zero bytes.
inline constexpr std::size_t kStampBytes = 24;
inline constexpr std::size_t kStampsPerSector = kSectorBytes / kStampBytes;

// REQUIRES: bytes.size() == kSectorBytes.
void write_stamp(const Stamp& stamp, std::span<u8> bytes);

// Reads what a sector holds. All copies must agree and their checksum hold, else RawRef.
// REQUIRES: bytes.size() == kSectorBytes.
Sector read_sector(std::span<const u8> bytes);

// "0", "op3@128" or "raw:0011223344556677".
std::string to_text(const Sector& sector);

}  // namespace bioscope
