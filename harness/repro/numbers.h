// SPDX-License-Identifier: Apache-2.0
// Which numbers are tried in the place of one.
#pragma once

#include <vector>

#include "models/base/types.h"

namespace bioscope {

// Ascending and few, and yet no number that has to stay large is come down to one by one: what can
// be had at once, and less by a half, an eighth, a 64th and one.
inline std::vector<u64> lower_numbers_than(u64 number) {
  std::vector<u64> lower;
  for (const u64 candidate : {u64{0}, u64{1}, u64{8}, number / 2, number - number / 8,
                              number - number / 64, number - 1}) {
    if (candidate < number && (lower.empty() || candidate > lower.back())) {
      lower.push_back(candidate);
    }
  }
  return lower;
}

}  // namespace bioscope
