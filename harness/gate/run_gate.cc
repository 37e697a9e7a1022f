// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/run_gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <exception>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "harness/gate/floors.h"
#include "harness/gate/verdict.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

// All that came of one batch; written by one worker, read after all have ended.
struct BatchResult {
  std::vector<BatchJob> jobs;
  BatchOutcome outcome;
  std::vector<Judgement> judgements;       // of each play
  std::vector<ConsoleJudgement> consoles;  // of each boot
};

BatchResult play_batch(const Plan& plan, const PlannedBatch& batch, const GateConfig& config,
                       Progress& progress) {
  BatchResult result;
  for (const std::size_t job : batch.jobs) result.jobs.push_back(plan.jobs[job].batch_job);
  result.outcome =
      config.player(batch.profile).play(result.jobs, [&](std::size_t) { progress.advance(1); });
  assert(result.outcome.plays.size() == result.jobs.size());
  for (std::size_t i = 0; i < result.jobs.size(); ++i) {
    result.judgements.push_back(config.judge(result.jobs[i], result.outcome.plays[i]));
    if (!result.judgements.back().findings.empty()) progress.found();
  }
  for (std::size_t boot = 0; boot < result.outcome.boots.size(); ++boot) {
    result.consoles.push_back(
        judge_console(result.jobs, result.outcome, boot, config.allowances, config.today));
  }
  return result;
}

struct Played {
  std::vector<std::optional<BatchResult>> results;  // of each batch; nothing: interrupted or failed
  std::vector<std::string> failures;                // why a batch failed; else empty
};

// Workers take batches in plan order, which has the long ones first.
Played play_all(const Plan& plan, const GateConfig& config, Progress& progress) {
  Played played;
  played.results.resize(plan.batches.size());
  played.failures.resize(plan.batches.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < plan.batches.size(); i = next++) {
      if (config.interrupted()) return;
      try {
        played.results[i] = play_batch(plan, plan.batches[i], config, progress);
      } catch (const std::exception& error) {
        played.failures[i] =
            fmt::format("the harness failed while it played a batch: {}", error.what());
      }
    }
  };
  std::vector<std::jthread> workers;
  const std::size_t count = std::min<std::size_t>(config.machines, plan.batches.size());
  for (std::size_t i = 0; i < count; ++i) workers.emplace_back(work);
  workers.clear();  // joins
  return played;
}

// Where a finding came from.
struct Origin {
  std::size_t job = 0;  // Plan::jobs.size(): the boot itself
  std::size_t boot = 0;
  std::string profile;
};

class Assembly {
 public:
  Assembly(const Plan& plan, const GateConfig& config, const Played& played)
      : plan_(plan), config_(config), results_(played.results), failures_(played.failures) {
    result_.report = config.head;
    result_.report.known = config.known;
    trace_findings_.resize(plan.jobs.size());
  }

  GateResult put_together() {
    where_.resize(plan_.jobs.size());
    for (std::size_t batch = 0; batch < results_.size(); ++batch) take_batch(batch);
    add_trace_results();
    add_findings();
    RunReport& report = result_.report;
    report.known_unmatched = unmatched(classified_, report.known);
    report.floors = floors_of(report.marks);
    for (std::size_t i = 0; i < kCapabilities; ++i) {
      const auto capability = static_cast<Capability>(i);
      if (lacking_.has(capability)) report.not_observed.emplace_back(name_of(capability));
    }
    const bool interrupted =
        config_.interrupted() || std::ranges::any_of(results_, [](const auto& result) {
          return result && result->outcome.interrupted;
        });
    report.status = status_of(report, interrupted);
    return std::move(result_);
  }

 private:
  struct Place {
    std::size_t batch = 0;
    std::size_t index = 0;  // within the batch
    std::size_t first_boot = 0;
  };

  void take_batch(std::size_t batch) {
    const std::string& profile = plan_.batches[batch].profile;
    const std::size_t first_boot = result_.report.boots.size();
    for (std::size_t i = 0; i < plan_.batches[batch].jobs.size(); ++i) {
      where_[plan_.batches[batch].jobs[i]] = {batch, i, first_boot};
    }
    if (!failures_[batch].empty()) add_trouble(failures_[batch]);
    if (!results_[batch]) return;
    const BatchResult& result = *results_[batch];
    for (std::size_t i = 0; i < result.outcome.boots.size(); ++i) {
      take_boot(batch, i, profile, first_boot);
    }
    if (!result.outcome.trouble.empty()) add_trouble(result.outcome.trouble);
    const bool spoke = std::ranges::any_of(result.outcome.boots, &Boot::agent_spoke);
    if (!spoke) return;
    lacking_ = Capabilities(lacking_.bits() | config_.wanted.without(result.outcome.can).bits());
    const Capabilities missing = config_.required.without(result.outcome.can);
    if (!missing.empty()) add_trouble("the guest lacks what every run needs: " + to_text(missing));
  }

  void take_boot(std::size_t batch, std::size_t index, const std::string& profile,
                 std::size_t first_boot) {
    const BatchResult& result = *results_[batch];
    const Boot& boot = result.outcome.boots[index];
    RunReport& report = result_.report;
    report.boots.push_back({profile, boot.ending, boot.command_line, boot.initramfs, boot.traces,
                            boot.console, boot.evidence});
    report.wall.boots.push_back({boot.wall_ms, boot.boot_wall_ms, boot.guest_boot_ns / 1'000'000});
    if (boot.agent_spoke) playing_ms_ += boot.wall_ms - std::min(boot.wall_ms, boot.boot_wall_ms);
    const ConsoleJudgement& console = result.consoles[index];
    if (!console.trouble.empty()) add_trouble(console.trouble);
    for (const Finding& finding : console.findings) {
      const std::size_t job = job_of(batch, index, finding);
      if (job < plan_.jobs.size()) {
        trace_findings_[job].push_back(finding);
      } else {
        findings_.push_back(finding);
        origins_.push_back({plan_.jobs.size(), first_boot + index, profile});
      }
    }
  }

  std::size_t job_of(std::size_t batch, std::size_t boot, const Finding& finding) const {
    const BatchResult& result = *results_[batch];
    for (std::size_t i = 0; i < result.jobs.size(); ++i) {
      if (result.jobs[i].job.name == finding.trace_name && result.jobs[i].seed == finding.seed &&
          result.outcome.plays[i].boot == boot) {
        return plan_.batches[batch].jobs[i];
      }
    }
    return plan_.jobs.size();
  }

  void add_trouble(const std::string& trouble) {
    if (troubles_.insert(trouble).second) result_.report.troubles.push_back(trouble);
  }

  void add_trace_results() {
    u64 played = 0;
    for (std::size_t job = 0; job < plan_.jobs.size(); ++job) {
      const PlannedJob& planned = plan_.jobs[job];
      const Place& place = where_[job];
      TraceResult trace{planned.batch_job.job.name, planned.batch_job.seed, planned.profile};
      if (!results_[place.batch]) {
        const std::string& failure = failures_[place.batch];
        trace.reason = failure.empty() ? "interrupted before it was played" : failure;
        result_.report.traces.push_back(std::move(trace));
        continue;
      }
      const BatchResult& result = *results_[place.batch];
      const Play& play = result.outcome.plays[place.index];
      const Judgement& judgement = result.judgements[place.index];
      std::vector<Finding>& findings = trace_findings_[job];
      findings.insert(findings.begin(), judgement.findings.begin(), judgement.findings.end());
      std::vector<Classified> classified;
      for (const Finding& finding : findings) {
        classified.push_back(classify(finding, config_.known, config_.today));
      }
      trace.boot = static_cast<u32>(place.first_boot + play.boot);
      trace.verdict = verdict_of(play.end, classified, config_.head.strict);
      const bool judged =
          trace.verdict != TraceVerdict::NotPlayed && trace.verdict != TraceVerdict::NotJudged;
      if (judged) result_.report.marks.add(judgement.marks);
      trace.reason = findings.empty() ? play.reason : findings.front().message;
      if (play.end == PlayEnd::Played || play.end == PlayEnd::GuestLost) ++played;
      for (const Finding& finding : findings) {
        findings_.push_back(finding);
        origins_.push_back({job, place.first_boot + play.boot, planned.profile});
      }
      result_.report.traces.push_back(std::move(trace));
    }
    // Machines that play at the same time share the wall clock.
    const u64 machines = std::min<u64>(config_.machines, std::max<u64>(plan_.batches.size(), 1));
    if (playing_ms_ > 0) {
      result_.report.wall.traces_per_second = static_cast<double>(played) * 1000.0 *
                                              static_cast<double>(machines) /
                                              static_cast<double>(playing_ms_);
    }
  }

  void add_findings() {
    classified_ = classify(findings_, config_.known, config_.today);
    for (const Classified& classified : classified_) {
      const Origin& origin = origins_[classified.first];
      FindingReport report;
      report.classified = classified;
      report.id = bundle_id(classified.finding, origin.profile);
      report.boot = static_cast<u32>(origin.boot);
      report.profile = origin.profile;
      report.is_of_a_trace = origin.job < plan_.jobs.size();
      Bundle bundle{report, "", "", ""};
      if (origin.job < plan_.jobs.size()) {
        const Place& place = where_[origin.job];
        const Play& play = results_[place.batch]->outcome.plays[place.index];
        bundle.trace = print_trace(plan_.jobs[origin.job].batch_job.job.trace);
        bundle.history = to_text(play.trace, play.history);
      }
      if (origin.boot < result_.report.boots.size()) {
        bundle.console = result_.report.boots[origin.boot].console;
        bundle.evidence = result_.report.boots[origin.boot].evidence;
      }
      result_.report.findings.push_back(std::move(report));
      result_.bundles.push_back(std::move(bundle));
    }
  }

  const Plan& plan_;
  const GateConfig& config_;
  const std::vector<std::optional<BatchResult>>& results_;
  const std::vector<std::string>& failures_;
  GateResult result_;
  std::vector<Place> where_;                          // of each job
  std::vector<std::vector<Finding>> trace_findings_;  // of each job
  std::vector<Finding> findings_;
  std::vector<Origin> origins_;  // of findings_
  std::vector<Classified> classified_;
  std::set<std::string> troubles_;
  Capabilities lacking_;
  u64 playing_ms_ = 0;
};

}  // namespace

GateResult run_gate(const Plan& plan, const GateConfig& config, Progress& progress) {
  assert(config.machines > 0 && config.player);
  const double start = config.seconds();
  const Played played = play_all(plan, config, progress);
  progress.finish();
  GateResult result = Assembly(plan, config, played).put_together();
  result.report.wall.total_ms = static_cast<u64>((config.seconds() - start) * 1000);
  return result;
}

}  // namespace bioscope
