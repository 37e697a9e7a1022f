// SPDX-License-Identifier: Apache-2.0
// What is played where: traces times seeds, dealt out to batches. The plan follows from suite and
// seed alone. Not from the number of machines, nor from how fast they are: a batch is a boot, and
// in profile det what ran before a trace in its boot is part of what decides the run.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/gate/suite.h"
#include "harness/subject/batch.h"
#include "models/trace/trace.h"

namespace bioscope {

inline constexpr std::size_t kMaxBatchJobs = 160;  // some ten seconds of one machine
inline constexpr std::size_t kMinBatches = 2;      // so that two cores have something to do

struct PlanEntry {
  PlannedTrace planned;
  Trace trace;
};

struct PlannedBatch {
  std::string profile;
  std::vector<std::size_t> jobs;  // indices into Plan::jobs
};

struct PlannedJob {
  BatchJob batch_job;
  std::string profile;
};

struct Plan {
  std::vector<PlannedJob> jobs;  // in the order in which reports show them
  std::vector<PlannedBatch> batches;
};

struct PlanOptions {
  u64 seed = 1;
  std::vector<std::string> profiles;
  u32 random_count = 0;
  u64 random_seed = 1;
  // The generated trace of a seed.
  std::function<Trace(u64 seed)> generate;
};

// Seed number i of a trace is options.seed + i; the generated trace of number i has random_seed +
// i. REQUIRES: generate, if random_count > 0.
Plan make_plan(const std::vector<PlanEntry>& entries, const PlanOptions& options);

}  // namespace bioscope
