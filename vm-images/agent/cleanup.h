// SPDX-License-Identifier: Apache-2.0
// Brings the guest back to where it was before a trace, and says what did not come back.
#pragma once

#include <string>
#include <vector>

#include "models/base/result.h"
#include "models/trace/history.h"
#include "vm-images/agent/script.h"
#include "vm-images/agent/stage.h"
#include "vm-images/agent/workers.h"

namespace bioscope {

// Unties what operations can be waiting for: held requests, frozen file systems, suspended devices.
void let_go(Stage& stage, Script& script);

// let_go(), then closes, unmounts and removes what the trace made. REQUIRES: no lane runs.
// Returns when nothing more can be taken away.
void clean_up(Stage& stage, Script& script, WorkerPool& workers);

// A number that is to be the same before and after a trace.
struct Count {
  std::string what;
  i64 value = 0;
};

// Mapped devices, mounts, and for each disk of the trace its holders, claims, requests in flight;
// with the probe its opens and its depth of freezing, too. A disk that the trace removes is left
// out. An Error (CouldNotJudge): one of them cannot be read. REQUIRES: no lane runs.
Result<std::vector<Count>> take_counts(const Stage& stage);

// What differs. What is counted only once is compared with 0.
std::vector<Leftover> differences(const std::vector<Count>& before,
                                  const std::vector<Count>& after);

}  // namespace bioscope
