// SPDX-License-Identifier: Apache-2.0
// results.ktap: KTAP version 1 (Documentation/dev-tools/ktap.rst), one test point a trace and seed.
#pragma once

#include <string>

#include "harness/report/run_report.h"

namespace bioscope {

// Not played is SKIP. Known findings and hazards are XFAIL, so that nothing reads them as passed.
// What was not judged is "not ok".
std::string to_ktap(const RunReport& report);

}  // namespace bioscope
