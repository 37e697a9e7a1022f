// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace bioscope {
namespace {

// Neighbours are alike and cost alike, so jobs are dealt like cards: every batch gets some of each.
void deal(const std::vector<std::size_t>& jobs, const std::string& profile, Plan& plan) {
  if (jobs.empty()) return;
  const std::size_t needed = (jobs.size() + kMaxBatchJobs - 1) / kMaxBatchJobs;
  const std::size_t count = std::min(std::max(needed, kMinBatches), jobs.size());
  const std::size_t first = plan.batches.size();
  for (std::size_t i = 0; i < count; ++i) plan.batches.push_back({profile, {}});
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    plan.batches[first + i % count].jobs.push_back(jobs[i]);
  }
}

}  // namespace

Plan make_plan(const std::vector<PlanEntry>& entries, const PlanOptions& options) {
  assert(options.random_count == 0 || options.generate);
  Plan plan;
  for (const std::string& profile : options.profiles) {
    std::vector<std::size_t> together;
    std::vector<std::size_t> alone;
    for (const PlanEntry& entry : entries) {
      const u32 seeds = seeds_for(entry.planned, entry.trace);
      for (u32 i = 0; i < seeds; ++i) {
        (entry.planned.alone ? alone : together).push_back(plan.jobs.size());
        plan.jobs.push_back(
            {{{entry.planned.path, entry.trace}, options.seed + i, entry.planned.io_errors},
             profile});
      }
    }
    for (u32 i = 0; i < options.random_count; ++i) {
      const u64 seed = options.random_seed + i;
      together.push_back(plan.jobs.size());
      plan.jobs.push_back(
          {{{fmt::format("random-{}", seed), options.generate(seed)}, seed}, profile});
    }
    deal(together, profile, plan);
    for (const std::size_t job : alone) plan.batches.push_back({profile, {job}});
  }
  return plan;
}

}  // namespace bioscope
