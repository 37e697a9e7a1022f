// SPDX-License-Identifier: Apache-2.0
// What bioscope shrink does with a subject, apart from its command line.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "harness/cli/chosen_subject.h"
#include "harness/report/progress.h"
#include "harness/report/run_report.h"
#include "harness/vm/interrupt.h"
#include "models/trace/trace.h"

namespace bioscope {

struct ShrinkRequest {
  std::string name;  // of the trace
  Trace trace;
  std::optional<u64> seed;  // of the interleaving; nothing: each candidate's own
  std::string rule;         // of the finding that is meant; empty: any
  std::string signature;    // as to_text(Signature) has it; empty: any
  u64 max_candidates = 5000;
  // That a change is tried with; nothing: 16, where a play is cheap. 1 if `seed` is there.
  std::optional<u32> seeds;
  u32 plays = 1;  // that have to show it, with seeds that follow each other
};

struct ShrinkReport {
  ExitStatus status = ExitStatus::NotJudged;
  std::string message;         // one sentence
  std::optional<Trace> trace;  // the smallest that was found, once the finding was seen
  std::string signature;       // of the finding that it shows
};

// Plays the trace, chooses a finding, shrinks. On a subject that packs, what comes out was played
// alone as well and showed the finding: it does not hang on what was played before it in its boot.
//   Passed       shrunk, or as small as it gets
//   BadInput     the trace shows no such finding: there is nothing to shrink
//   NotJudged    the trace could not be judged, or the subject gave up: `trace` is the best so far
//   Interrupted  the same
// `say` hears what a person at the terminal wants to know meanwhile. `progress` counts candidates.
ShrinkReport shrink_on(ChosenSubject& subject, const ShrinkRequest& request,
                       const Interrupt& interrupt, Progress& progress,
                       const std::function<void(std::string_view)>& say);

}  // namespace bioscope
