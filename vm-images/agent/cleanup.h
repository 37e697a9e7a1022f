// SPDX-License-Identifier: Apache-2.0
// Brings the guest back to where it was before a trace, and says what did not come back.
#pragma once

#include <vector>

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

// What is still there after clean_up().
std::vector<Leftover> ledger(const Stage& stage);

}  // namespace bioscope
