// SPDX-License-Identifier: Apache-2.0
// What an operation came to. Value types.
#pragma once

#include <string>
#include <utility>

#include "models/trace/history.h"

namespace bioscope::reference {

struct Outcome {
  int error = 0;  // 0 or a positive errno
  u64 count_sectors = 0;
  SectorRuns data;
  std::string text;
};

inline Outcome failed(int error) {
  return Outcome{error, 0, {}, {}};
}
inline Outcome said(std::string text) {
  return Outcome{0, 0, {}, std::move(text)};
}

// One operation of the trace, on its way.
struct Step {
  OperationId id = 0;
  u16 lane = 0;
  const Operation& operation;
};

}  // namespace bioscope::reference
