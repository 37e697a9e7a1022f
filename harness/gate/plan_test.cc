// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace bioscope {
namespace {

Trace trace_of_lanes(std::size_t lanes) {
  Trace trace;
  trace.disks.push_back({.name = "d0", .size_sectors = 64});
  for (std::size_t i = 0; i < lanes; ++i) {
    Operation flush;
    flush.kind = OperationKind::Flush;
    flush.device = "d0";
    trace.lanes.push_back({std::string(1, static_cast<char>('A' + i)), {flush}});
  }
  return trace;
}

std::vector<PlanEntry> entries() {
  return {{{"a.trace", 3, false}, trace_of_lanes(2)},
          {{"b.trace", 3, false}, trace_of_lanes(1)},
          {{"c.trace", 1, true}, trace_of_lanes(2)}};
}

PlanOptions options() {
  PlanOptions result;
  result.seed = 10;
  result.profiles = {"det", "smp"};
  result.random_count = 2;
  result.random_seed = 40;
  result.generate = [](u64 seed) {
    Trace trace = trace_of_lanes(1);
    trace.seed = seed;
    return trace;
  };
  return result;
}

TEST(Plan, SeedsMultiplyOnlyWhatCanInterleave) {
  const Plan plan = make_plan(entries(), options());
  std::vector<std::pair<std::string, u64>> det;
  for (const PlannedJob& job : plan.jobs) {
    if (job.profile == "det") det.emplace_back(job.batch_job.job.name, job.batch_job.seed);
  }
  const std::vector<std::pair<std::string, u64>> expected{
      {"a.trace", 10}, {"a.trace", 11},   {"a.trace", 12},  {"b.trace", 10},
      {"c.trace", 10}, {"random-40", 40}, {"random-41", 41}};
  EXPECT_EQ(det, expected);
  EXPECT_EQ(plan.jobs.size(), 2 * expected.size());
}

TEST(Plan, EveryJobIsInExactlyOneBatchOfItsProfile) {
  const Plan plan = make_plan(entries(), options());
  std::set<std::size_t> seen;
  for (const PlannedBatch& batch : plan.batches) {
    for (const std::size_t job : batch.jobs) {
      EXPECT_TRUE(seen.insert(job).second);
      EXPECT_EQ(plan.jobs[job].profile, batch.profile);
    }
  }
  EXPECT_EQ(seen.size(), plan.jobs.size());
}

TEST(Plan, WhatIsAloneHasABootOfItsOwn) {
  const Plan plan = make_plan(entries(), options());
  for (const PlannedBatch& batch : plan.batches) {
    const bool has_alone = std::ranges::any_of(batch.jobs, [&](std::size_t job) {
      return plan.jobs[job].batch_job.job.name == "c.trace";
    });
    if (has_alone) EXPECT_EQ(batch.jobs.size(), 1U);
  }
}

TEST(Plan, BatchesHaveABoundAndThereAreAtLeastTwo) {
  PlanOptions many = options();
  many.profiles = {"det"};
  many.random_count = 1000;
  const Plan plan = make_plan({}, many);
  EXPECT_EQ(plan.batches.size(), (1000 + kMaxBatchJobs - 1) / kMaxBatchJobs);
  for (const PlannedBatch& batch : plan.batches) EXPECT_LE(batch.jobs.size(), kMaxBatchJobs);
  many.random_count = 2;
  EXPECT_EQ(make_plan({}, many).batches.size(), 2U);
  many.random_count = 1;
  EXPECT_EQ(make_plan({}, many).batches.size(), 1U);
}

TEST(Plan, TheSameSuiteAndSeedGiveTheSamePlan) {
  const Plan one = make_plan(entries(), options());
  const Plan two = make_plan(entries(), options());
  ASSERT_EQ(one.jobs.size(), two.jobs.size());
  for (std::size_t i = 0; i < one.jobs.size(); ++i) {
    EXPECT_EQ(one.jobs[i].batch_job.seed, two.jobs[i].batch_job.seed);
    EXPECT_EQ(one.jobs[i].batch_job.job.trace, two.jobs[i].batch_job.job.trace);
  }
  ASSERT_EQ(one.batches.size(), two.batches.size());
  for (std::size_t i = 0; i < one.batches.size(); ++i) {
    EXPECT_EQ(one.batches[i].jobs, two.batches[i].jobs);
  }
}

}  // namespace
}  // namespace bioscope
