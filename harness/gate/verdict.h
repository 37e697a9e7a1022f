// SPDX-License-Identifier: Apache-2.0
// The gate's decisions, as pure functions of what was found.
//   V1  What was not judged is never passed.
//   V2  A violation wins over everything but an interruption: it stays one, whatever else failed.
//   V3  A run in which too little happened decides nothing.
#pragma once

#include <span>

#include "harness/report/run_report.h"
#include "harness/subject/batch.h"

namespace bioscope {

// Of one play, from its own findings.
TraceVerdict verdict_of(PlayEnd end, std::span<const Classified> findings, bool strict);

// From traces, findings, floors and troubles of `report`.
ExitStatus status_of(const RunReport& report, bool interrupted);

}  // namespace bioscope
