// SPDX-License-Identifier: Apache-2.0
// The verdict for people: what the terminal shows at the end and report.txt holds.
#pragma once

#include <string>

#include "harness/report/run_report.h"

namespace bioscope {

// A short block that fits on a screen when nothing is wrong: the subject, what was played, the
// floors, the findings with violations first, the verdict in the last line.
std::string verdict_block(const RunReport& report);

// report.txt: the block; then each finding with all its evidence, splat and stack; then what was
// not played and why.
std::string report_text(const RunReport& report);

}  // namespace bioscope
