// SPDX-License-Identifier: Apache-2.0
// Runs a program on the runtime that is linked: models_runtime_sim or models_runtime_os.
#pragma once

#include <functional>
#include <string>

#include "models/runtime/outcome.h"

namespace bioscope::rt {

struct RunOptions {
  u64 seed = 1;               // sim: of the schedule
  u64 max_steps = 1'000'000;  // sim: beyond it the run ends as StepBound
};

using Function = std::move_only_function<void()>;

// Calls `program` as thread "main" and waits until every thread has returned.
// sim: one schedule, the same for the same seed. When the run is stopped, threads are unwound with
// an exception that only the runtime catches: so no destructor may wait except ~Thread, ~Workqueue,
// ~Timer and those of disks, and a function that waits is not noexcept.
// os: real threads; it never returns from a deadlock.
Outcome run(const RunOptions& options, Function program);

// The run has failed; the first message counts. Returns. sim: every thread is stopped at its next
// operation. os: the run goes on.
void fail(std::string message);

// True while a stopped run is being unwound: what a thread sees then judges nothing.
bool stopping();

}  // namespace bioscope::rt
