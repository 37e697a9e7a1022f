// SPDX-License-Identifier: Apache-2.0
#include "models/base/stamp.h"

#include <fmt/format.h>

#include <array>
#include <cassert>
#include <cstring>

#include "models/base/hash.h"

namespace bioscope {
namespace {

using StampBytes = std::array<u8, kStampBytes>;
constexpr std::size_t kCopiesBytes = kStampsPerSector * kStampBytes;
constexpr std::size_t kPaddingBytes = kSectorBytes - kCopiesBytes;

void put_little_endian(u64 value, std::span<u8> bytes) {
  for (u8& byte : bytes) {
    byte = static_cast<u8>(value);
    value >>= 8;
  }
}

u64 get_little_endian(std::span<const u8> bytes) {
  u64 value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8 | bytes[i - 1];
  return value;
}

StampBytes encode(const Stamp& stamp) {
  StampBytes bytes{};
  const std::span<u8> all(bytes);
  put_little_endian(stamp.operation, all.subspan(0, 4));
  put_little_endian(stamp.sector, all.subspan(4, 8));
  put_little_endian(stamp.seed, all.subspan(12, 8));
  put_little_endian(crc32c(all.first(20)), all.subspan(20, 4));
  return bytes;
}

}  // namespace

void write_stamp(const Stamp& stamp, std::span<u8> bytes) {
  assert(bytes.size() == kSectorBytes);
  const StampBytes one = encode(stamp);
  u8* at = bytes.data();
  for (std::size_t i = 0; i < kStampsPerSector; ++i, at += kStampBytes) {
    std::memcpy(at, one.data(), kStampBytes);
  }
  std::memset(at, 0, kPaddingBytes);
}

Sector read_sector(std::span<const u8> bytes) {
  assert(bytes.size() == kSectorBytes);
  const u8* data = bytes.data();
  // An all-zero sector is told first: it is by far the most frequent one that is no stamp.
  if (data[0] == 0 && std::memcmp(data, data + 1, kSectorBytes - 1) == 0) return Zero{};
  const bool copies_agree = std::memcmp(data, data + kStampBytes, kCopiesBytes - kStampBytes) == 0;
  const bool padded = get_little_endian(bytes.subspan(kCopiesBytes)) == 0;
  const bool holds = crc32c(bytes.first(20)) == get_little_endian(bytes.subspan(20, 4));
  if (copies_agree && padded && holds) {
    return Stamp{static_cast<u32>(get_little_endian(bytes.subspan(0, 4))),
                 get_little_endian(bytes.subspan(4, 8)), get_little_endian(bytes.subspan(12, 8))};
  }
  return RawRef{Hash::of(bytes).value()};
}

std::string to_text(const Sector& sector) {
  if (const auto* stamp = std::get_if<Stamp>(&sector)) {
    return fmt::format("op{}@{}", stamp->operation, stamp->sector);
  }
  if (const auto* raw = std::get_if<RawRef>(&sector)) return fmt::format("raw:{:016x}", raw->hash);
  return "0";
}

}  // namespace bioscope
