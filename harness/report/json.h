// SPDX-License-Identifier: Apache-2.0
// results.json: everything of a run for programs. Format 1. All times stand in the one object
// "wall"; without it two runs of one seed give the same bytes.
#pragma once

#include <string>

#include "harness/report/run_report.h"

namespace bioscope {

std::string to_json(const RunReport& report);

// finding.json of a bundle.
std::string to_json(const FindingReport& finding);

}  // namespace bioscope
