// SPDX-License-Identifier: Apache-2.0
// Plays a plan on machines in parallel, judges what came back and puts the report together. The
// report is in plan order and the same however many machines there were and whichever was first.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/finding/known.h"
#include "harness/gate/console.h"
#include "harness/gate/judge.h"
#include "harness/gate/plan.h"
#include "harness/report/bundle.h"
#include "harness/report/progress.h"
#include "harness/report/run_report.h"

namespace bioscope {

struct GateConfig {
  RunReport head;         // subject, kernel, suite, seed, strict, profiles, floors_waived, started
  std::string today;      // YYYY-MM-DD, for expiry
  unsigned machines = 1;  // at once
  Capabilities required;  // a guest without these decides nothing
  Capabilities wanted;    // what a guest lacks of these is listed as not observed
  std::vector<KnownFinding> known;
  std::vector<Allowance> allowances;

  // Called from several threads at once.
  std::function<BatchPlayer&(const std::string& profile)> player;
  std::function<Judgement(const BatchJob&, const Play&)> judge = judge_play;
  std::function<bool()> interrupted = [] { return false; };
  std::function<double()> seconds = [] { return 0.0; };  // since some fixed point
};

struct GateResult {
  RunReport report;
  std::vector<Bundle> bundles;  // one for each finding
};

// REQUIRES: machines > 0; player is set.
GateResult run_gate(const Plan& plan, const GateConfig& config, Progress& progress);

}  // namespace bioscope
