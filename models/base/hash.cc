// SPDX-License-Identifier: Apache-2.0
#include "models/base/hash.h"

#include <fmt/format.h>

#include <array>

namespace bioscope {
namespace {

// Slicing by eight: table k is the effect of a byte that k more bytes follow.
constexpr std::size_t kSlices = 8;
using CrcTables = std::array<std::array<u32, 256>, kSlices>;

constexpr CrcTables make_crc_tables() {
  constexpr u32 kReversedPolynomial = 0x82f63b78;
  CrcTables tables{};
  for (u32 i = 0; i < 256; ++i) {
    u32 crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? (crc >> 1) ^ kReversedPolynomial : crc >> 1;
    }
    tables[0][i] = crc;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (u32 i = 0; i < 256; ++i) {
      const u32 before = tables[slice - 1][i];
      tables[slice][i] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr CrcTables kCrcTables = make_crc_tables();

}  // namespace

u32 crc32c(std::span<const u8> bytes) {
  u32 crc = ~0U;
  while (bytes.size() >= kSlices) {
    u32 next = 0;
    for (std::size_t i = 0; i < kSlices; ++i) {
      const u32 carried = i < sizeof(crc) ? crc >> (8 * i) : 0;
      next ^= kCrcTables[kSlices - 1 - i][(bytes[i] ^ carried) & 0xff];
    }
    crc = next;
    bytes = bytes.subspan(kSlices);
  }
  for (const u8 byte : bytes) crc = (crc >> 8) ^ kCrcTables[0][(crc ^ byte) & 0xff];
  return ~crc;
}

Hash Hash::of(std::span<const u8> bytes) {
  u64 state = 0xcbf29ce484222325ULL;
  for (u8 byte : bytes) state = (state ^ byte) * 0x100000001b3ULL;
  return Hash(mix64(state));
}

Hash Hash::of(std::string_view text) {
  return of(std::span(reinterpret_cast<const u8*>(text.data()), text.size()));
}

std::string Hash::hex() const {
  return fmt::format("{:016x}", value_);
}

}  // namespace bioscope
