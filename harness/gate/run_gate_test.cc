// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/run_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "harness/gate/floors.h"
#include "harness/report/json.h"

namespace bioscope {
namespace {

using testing::HasSubstr;

// Plays as told by the traces' names: what a machine would report, without one.
class FakePlayer : public BatchPlayer {
 public:
  BatchOutcome play(std::span<const BatchJob> jobs, const OnPlayed& on_played) override {
    BatchOutcome outcome;
    outcome.can.add(Capability::BlockIo);
    outcome.boots = {
        {.ending = "finished", .console = "[    0.0] Linux version 6.1\n", .agent_spoke = true}};
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (jobs[i].job.name.contains("throws")) throw std::runtime_error("no memory is left");
      Play play;
      play.trace = jobs[i].job.trace;
      play.end = PlayEnd::Played;
      if (jobs[i].job.name.contains("lacks")) play.end = PlayEnd::NotPlayed;
      if (jobs[i].job.name.contains("trouble")) {
        play.end = PlayEnd::NotJudged;
        play.reason = outcome.trouble = "QEMU was killed";
      }
      if (jobs[i].job.name.contains("panics")) {
        play.end = PlayEnd::GuestLost;
        play.ending = "panic";
        play.reason = "the guest's kernel panicked";
        play.console = "RIP: 0010:origin_map+0x1/0x2\n";
      }
      outcome.plays.push_back(play);
      if (on_played) on_played(i);
    }
    return outcome;
  }
};

Judgement fake_judge(const BatchJob& job, const Play& play) {
  Judgement judgement;
  judgement.marks = {.reads = 10,
                     .reads_binding = 10,
                     .operations = 10,
                     .operations_succeeded = job.job.name.contains("refused") ? 0U : 10U,
                     .splits = kLeastSplits,
                     .copy_outs = kLeastCopyOuts,
                     .attaches_under_io = kLeastAttachesUnderIo};
  if (play.end == PlayEnd::GuestLost) judgement.findings.push_back(lost_guest_finding(job, play));
  Finding finding;
  finding.trace_name = job.job.name;
  finding.seed = job.seed;
  finding.message = "wrong";
  finding.signature = {"R65", "snapshot", "read", ""};
  if (job.job.name.contains("wrong")) judgement.findings.push_back(finding);
  if (job.job.name.contains("hazard")) {
    finding.kind = FindingKind::Hazard;
    finding.signature.rule = "R74";
    judgement.findings.push_back(finding);
  }
  return judgement;
}

Plan plan_of(const std::vector<std::string>& names, u32 seeds = 1) {
  std::vector<PlanEntry> entries;
  for (const std::string& name : names) {
    Trace trace;
    trace.disks.push_back({.name = "d0", .size_sectors = 64});
    Operation flush;
    flush.kind = OperationKind::Flush;
    flush.device = "d0";
    trace.lanes = {{"A", {flush}}, {"B", {flush}}};
    entries.push_back({{name, seeds, false}, trace});
  }
  PlanOptions options;
  options.profiles = {"det"};
  return make_plan(entries, options);
}

GateConfig config_with(BatchPlayer& player) {
  GateConfig config;
  config.today = "2026-06-01";
  config.head.suite = "test";
  config.player = [&player](const std::string&) -> BatchPlayer& { return player; };
  config.judge = fake_judge;
  return config;
}

GateResult run(const std::vector<std::string>& names, const GateConfig& config, u32 seeds = 1) {
  std::ostringstream silent;
  const Plan plan = plan_of(names, seeds);
  Progress progress(silent, false, plan.jobs.size(), [] { return 0.0; });
  return run_gate(plan, config, progress);
}

class RunGate : public testing::Test {
 protected:
  ExitStatus status(const std::vector<std::string>& names) {
    return run(names, config_).report.status;
  }
  FakePlayer player_;
  GateConfig config_ = config_with(player_);
};

TEST_F(RunGate, NothingWrongIsZero) {
  EXPECT_EQ(status({"a.trace", "b.trace"}), ExitStatus::Passed);
}

TEST_F(RunGate, AViolationIsOneAndHasABundle) {
  const GateResult result = run({"a.trace", "wrong.trace"}, config_, 3);
  EXPECT_EQ(result.report.status, ExitStatus::Violated);
  ASSERT_EQ(result.bundles.size(), 1U);
  EXPECT_EQ(result.report.findings[0].classified.occurrences, 3U);
  EXPECT_THAT(result.bundles[0].trace, HasSubstr("bioscope-trace 1"));
  EXPECT_THAT(result.bundles[0].console, HasSubstr("Linux version"));
}

TEST_F(RunGate, AKnownFindingPassesAnExpiredOneFails) {
  config_.known = {{"R65", "", "", "", "wrong.trace", "reason", "link", "2026-12-31"}};
  EXPECT_EQ(status({"wrong.trace"}), ExitStatus::Passed);
  config_.today = "2027-01-01";
  EXPECT_EQ(status({"wrong.trace"}), ExitStatus::Violated);
}

TEST_F(RunGate, AnEntryThatMatchesNothingIsPointedOut) {
  config_.known = {{"R99", "", "", "", "a.trace", "reason", "link", "2026-12-31"}};
  EXPECT_EQ(run({"a.trace"}, config_).report.known_unmatched, std::vector<std::size_t>{0});
}

TEST_F(RunGate, AnExceptionIsATroubleAndNoMore) {
  const GateResult result = run({"throws.trace"}, config_);
  EXPECT_EQ(result.report.status, ExitStatus::NotJudged);
  ASSERT_EQ(result.report.troubles.size(), 1U);
  EXPECT_THAT(result.report.troubles[0], HasSubstr("no memory is left"));
  EXPECT_EQ(result.report.traces[0].verdict, TraceVerdict::NotJudged);
}

TEST_F(RunGate, OnlyWhatWasJudgedCountsForTheFloors) {
  EXPECT_EQ(run({"trouble.trace"}, config_).report.marks.operations, 0U);
  EXPECT_EQ(run({"a.trace"}, config_).report.marks.operations, 10U);
}

TEST_F(RunGate, AHazardFailsOnlyUnderStrict) {
  EXPECT_EQ(status({"hazard.trace"}), ExitStatus::Passed);
  config_.head.strict = true;
  EXPECT_EQ(status({"hazard.trace"}), ExitStatus::Violated);
}

TEST_F(RunGate, APanicIsAViolationWithItsPlace) {
  const GateResult result = run({"panics.trace"}, config_);
  EXPECT_EQ(result.report.status, ExitStatus::Violated);
  EXPECT_EQ(to_text(result.report.findings[0].classified.finding.signature),
            "panic/-/-/origin_map");
}

TEST_F(RunGate, HostTroubleIsThreeAndOneWins) {
  EXPECT_EQ(status({"a.trace", "trouble.trace"}), ExitStatus::NotJudged);
  EXPECT_EQ(status({"wrong.trace", "trouble.trace"}), ExitStatus::Violated);
}

TEST_F(RunGate, ASuiteOfOnlyRefusedOperationsIsThree) {
  EXPECT_EQ(status({"refused.trace", "refused-too.trace"}), ExitStatus::NotJudged);
}

TEST_F(RunGate, AMissingRequiredCapabilityIsThree) {
  config_.required.add(Capability::DeviceMapper);
  const GateResult result = run({"a.trace"}, config_);
  EXPECT_EQ(result.report.status, ExitStatus::NotJudged);
  EXPECT_THAT(result.report.troubles.front(), HasSubstr("device-mapper"));
}

TEST_F(RunGate, WhatTheGuestLacksIsListed) {
  config_.wanted.add(Capability::Probe);
  EXPECT_EQ(run({"a.trace"}, config_).report.not_observed, std::vector<std::string>{"probe"});
}

TEST_F(RunGate, ACtrlCBeforeTheEndIs130AndNothingPassed) {
  config_.interrupted = [] { return true; };
  const GateResult result = run({"a.trace"}, config_);
  EXPECT_EQ(result.report.status, ExitStatus::Interrupted);
  EXPECT_EQ(result.report.count(TraceVerdict::Passed), 0U);
}

TEST_F(RunGate, AConsoleThatCannotBeScannedIsThree) {
  class Mute : public FakePlayer {
    BatchOutcome play(std::span<const BatchJob> jobs, const OnPlayed& on_played) override {
      BatchOutcome outcome = FakePlayer::play(jobs, on_played);
      outcome.boots[0].console.clear();
      return outcome;
    }
  } mute;
  EXPECT_EQ(run({"a.trace"}, config_with(mute)).report.status, ExitStatus::NotJudged);
}

// Lets the later batches end first.
class Backwards : public FakePlayer {
  BatchOutcome play(std::span<const BatchJob> jobs, const OnPlayed& on_played) override {
    const bool first = jobs[0].job.name == "a.trace" && jobs[0].seed == 1;
    std::unique_lock lock(mutex_);
    if (first) changed_.wait(lock, [&] { return others_ended_; });
    BatchOutcome outcome = FakePlayer::play(jobs, on_played);
    others_ended_ = true;
    changed_.notify_all();
    return outcome;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool others_ended_ = false;
};

TEST_F(RunGate, TheReportDoesNotDependOnWhoWasFirst) {
  const std::vector<std::string> names{"a.trace", "wrong.trace", "hazard.trace", "lacks.trace"};
  GateConfig backwards = config_;
  Backwards player;
  backwards.player = [&player](const std::string&) -> BatchPlayer& { return player; };
  backwards.machines = 2;
  auto one = nlohmann::json::parse(to_json(run(names, config_, 2).report));
  auto two = nlohmann::json::parse(to_json(run(names, backwards, 2).report));
  one.erase("wall");
  two.erase("wall");
  EXPECT_EQ(one, two);
}

}  // namespace
}  // namespace bioscope
