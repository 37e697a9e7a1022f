// SPDX-License-Identifier: Apache-2.0
// Integers as they lie on the disk: little-endian, at any alignment.
#pragma once

#include <bit>
#include <cstring>

#include "models/base/types.h"

namespace bioscope::persistent_data {

// REQUIRES: sizeof(T) bytes at `at`.
template <typename T>
T load_le(const u8* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  return value;
}

// REQUIRES: sizeof(T) bytes at `at`.
template <typename T>
void store_le(u8* at, T value) {
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  std::memcpy(at, &value, sizeof(T));
}

}  // namespace bioscope::persistent_data
