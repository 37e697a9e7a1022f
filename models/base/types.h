// SPDX-License-Identifier: Apache-2.0
// Fixed-width integers under the kernel's short names.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bioscope {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;
using i64 = std::int64_t;

inline constexpr u32 kSectorBytes = 512;  // SECTOR_SIZE: the unit of every address and length here

}  // namespace bioscope
