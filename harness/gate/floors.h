// SPDX-License-Identifier: Apache-2.0
// The published floors (docs/GATE.md): a run that exercised less decides nothing. They stand here
// and nowhere else.
#pragma once

#include <vector>

#include "harness/report/run_report.h"
#include "models/spec/model.h"

namespace bioscope {

inline constexpr u64 kLeastBindingReadsPercent = 60;
inline constexpr u64 kLeastSucceededPercent = 50;
inline constexpr u64 kLeastSplits = 20;
inline constexpr u64 kLeastCopyOuts = 50;
inline constexpr u64 kLeastAttachesUnderIo = 2;

std::vector<Floor> floors_of(const Marks& marks);

}  // namespace bioscope
