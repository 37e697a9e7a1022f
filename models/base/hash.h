// SPDX-License-Identifier: Apache-2.0
// The two checksums of the project. Both are fixed for ever: seeds, trace identities and stamps
// on disks depend on them. Neither is meant to resist an adversary.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "models/base/types.h"

namespace bioscope {

// CRC-32C (Castagnoli), as the kernel's crc32c(~0, ...) ^ ~0. Thread-safe, no allocation.
u32 crc32c(std::span<const u8> bytes);

// Identity of a trace, a kernel image or an initramfs: 64-bit FNV-1a, finalised so that
// nearby inputs differ in every bit.
class Hash {
 public:
  Hash() = default;
  explicit Hash(u64 value) : value_(value) {}

  static Hash of(std::span<const u8> bytes);
  static Hash of(std::string_view text);

  u64 value() const { return value_; }
  std::string hex() const;  // 16 lower-case digits
  auto operator<=>(const Hash&) const = default;

 private:
  u64 value_ = 0;
};

// The finaliser of SplitMix64: a bijection on 64 bits that spreads every input bit.
constexpr u64 mix64(u64 x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace bioscope
