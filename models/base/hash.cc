// SPDX-License-Identifier: Apache-2.0
#include "models/base/hash.h"

#include <fmt/format.h>

#include <array>

namespace bioscope {
namespace {

constexpr std::array<u32, 256> make_crc_table() {
  constexpr u32 kReversedPolynomial = 0x82f63b78;
  std::array<u32, 256> table{};
  for (u32 i = 0; i < 256; ++i) {
    u32 crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? (crc >> 1) ^ kReversedPolynomial : crc >> 1;
    }
    table[i] = crc;
  }
  return table;
}

constexpr std::array<u32, 256> kCrcTable = make_crc_table();

}  // namespace

u32 crc32c(std::span<const u8> bytes) {
  u32 crc = ~0U;
  for (u8 byte : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ byte) & 0xff];
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

std::string Hash::hex() const { return fmt::format("{:016x}", value_); }

}  // namespace bioscope
