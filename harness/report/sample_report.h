// SPDX-License-Identifier: Apache-2.0
// A small run for the tests of this folder: one trace of every verdict.
#pragma once

#include "harness/report/bundle.h"
#include "harness/report/run_report.h"

namespace bioscope {

RunReport sample_report();
Bundle sample_bundle(const RunReport& report);

}  // namespace bioscope
