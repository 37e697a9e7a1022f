// SPDX-License-Identifier: Apache-2.0
// Which numbers are tried in the place of one.
#pragma once

#include <bit>
#include <vector>

#include "models/base/types.h"

namespace bioscope {

// Ascending: halves of halves, then what is less by a quarter, an eighth, .., one. So a number
// comes down to what it has to be in few steps, however large it has to stay.
inline std::vector<u64> lower_numbers_than(u64 number) {
  std::vector<u64> lower;
  if (number > 0) lower.push_back(0);
  const auto bits = static_cast<unsigned>(std::bit_width(number));
  for (unsigned shift = bits; shift-- > 1;) lower.push_back(number >> shift);
  for (unsigned shift = 2; shift < bits; ++shift) {
    const u64 less = number - (number >> shift);
    if (less > lower.back()) lower.push_back(less);
  }
  if (number > 0 && lower.back() < number - 1) lower.push_back(number - 1);
  return lower;
}

}  // namespace bioscope
