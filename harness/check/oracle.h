// SPDX-License-Identifier: Apache-2.0
// The oracle: drives the specification over a history and turns its verdicts into findings. Pure;
// safe in several threads.
#pragma once

#include <string>
#include <vector>

#include "harness/finding/finding.h"
#include "models/spec/model.h"
#include "models/trace/history.h"
#include "models/trace/trace.h"

namespace bioscope {

struct Checked {
  std::vector<Finding> findings;  // one of a signature and kind: the first
  Marks marks;
};

// Judges whatever end the history has: what came before a hang or a crash is judged as well. A
// history that did not complete always has a finding that says so.
Checked check_history(const std::string& name, const Trace& trace, const History& history);

}  // namespace bioscope
