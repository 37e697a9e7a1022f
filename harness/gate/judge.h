// SPDX-License-Identifier: Apache-2.0
// From a play to findings: what the checks say of its history, and what became of its guest.
#pragma once

#include <vector>

#include "harness/finding/finding.h"
#include "harness/subject/batch.h"
#include "models/spec/model.h"

namespace bioscope {

struct Judgement {
  std::vector<Finding> findings;
  Marks marks;
};

// A play that was not played or not judged has no findings. Pure; safe in several threads.
Judgement judge_play(const BatchJob& job, const Play& play);

// The finding of a guest that was lost: a crash, or silence, which is a hang.
Finding lost_guest_finding(const BatchJob& job, const Play& play);

// The finding of a history that did not come to its end: a hang with the operation that never
// returned and the place it is stuck in, a crash, or what decides nothing.
// REQUIRES: play.history.end != HistoryEnd::Completed.
Finding unfinished_finding(const BatchJob& job, const Play& play);

}  // namespace bioscope
