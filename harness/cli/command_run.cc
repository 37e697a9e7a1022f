// SPDX-License-Identifier: Apache-2.0
// bioscope run: plays one trace and shows its history and what is to be said of it.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "harness/cli/chosen_subject.h"
#include "harness/cli/command_line.h"
#include "harness/cli/commands.h"
#include "harness/cli/traces.h"
#include "harness/finding/classify.h"
#include "harness/gate/verdict.h"
#include "harness/report/write.h"
#include "models/trace/history_codec.h"

namespace bioscope {
namespace {

struct RunOptions {
  SubjectChoice subject;
  std::string trace;
  std::optional<u64> seed;  // nothing: the trace's own
  bool strict = false;
  std::string history;  // file for the history's binary form
};

void say(std::string_view line) {
  fmt::print(stderr, "{}\n", line);
}

void print_finding(const Classified& classified) {
  const Finding& finding = classified.finding;
  fmt::print("{}  {}\n    {}\n", word_of(classified.finding_class), to_text(finding.signature),
             finding.message);
  for (const Evidence& evidence : finding.evidence) {
    fmt::print("    sector {}: seen {}", evidence.sector, to_text(evidence.seen));
    for (std::size_t i = 0; i < evidence.legal.size(); ++i) {
      fmt::print("{}{}", i == 0 ? ", legal " : " or ", to_text(evidence.legal[i]));
    }
    fmt::print("\n");
  }
  fmt::print("{}{}", finding.splat, finding.stack);
}

ExitStatus status_for(TraceVerdict verdict, bool interrupted) {
  if (interrupted) return ExitStatus::Interrupted;
  switch (verdict) {
    case TraceVerdict::Failed:
      return ExitStatus::Violated;
    case TraceVerdict::NotPlayed:
    case TraceVerdict::NotJudged:
      return ExitStatus::NotJudged;
    case TraceVerdict::Passed:
    case TraceVerdict::Hazard:
    case TraceVerdict::Known:
      return ExitStatus::Passed;
  }
  return ExitStatus::NotJudged;
}

Result<int> run(const RunOptions& options) {
  auto trace = read_trace(options.trace);
  if (!trace) return std::unexpected(trace.error());
  auto house = find_house();
  if (!house) return std::unexpected(house.error());
  auto known = read_known_findings(house->suites / "known-findings.json");
  if (!known) return std::unexpected(known.error());
  const u64 seed = options.seed.value_or(trace->seed);
  const BatchJob job{{std::filesystem::path(options.trace).filename().string(), std::move(*trace)},
                     seed};
  const Interrupt& interrupt = interrupt_by_signals();
  auto subject = ChosenSubject::open(options.subject, *house, interrupt, say);
  if (!subject && interrupt.raised()) {
    say("interrupted: nothing was played");
    return static_cast<int>(ExitStatus::Interrupted);
  }
  if (!subject) return std::unexpected(subject.error());

  const JudgedBatch judged = subject->play(std::span(&job, 1), {});
  const Play& play = judged.outcome.plays.front();
  std::vector<Finding> findings = judged.findings.front();
  findings.insert(findings.end(), judged.of_boots.begin(), judged.of_boots.end());
  const std::vector<Classified> classified = classify(findings, *known, today_utc());
  const TraceVerdict verdict = verdict_of(play.end, classified, options.strict);
  fmt::print("{}", to_text(play.trace, play.history));
  for (const Classified& finding : classified) print_finding(finding);
  if (!play.evidence.empty()) fmt::print("called up afterwards:\n{}", play.evidence);
  fmt::print("{} on {}: {}{}{}\n", job.job.name, options.subject.on, word_of(verdict),
             play.reason.empty() ? "" : ": ", play.reason);
  if (!options.history.empty()) {
    const std::vector<u8> bytes = encode_history(play.history);
    const auto written = write_whole_file(
        options.history,
        std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    if (!written) return std::unexpected(written.error());
  }
  // What the kernel did wrong stays wrong, even if its console could not be read.
  const bool decided = verdict == TraceVerdict::Failed || judged.outcome.interrupted;
  if (!decided && !judged.trouble.empty()) return could_not_judge(judged.trouble);
  return static_cast<int>(status_for(verdict, judged.outcome.interrupted));
}

}  // namespace

void add_run_command(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("run", "Plays one trace; its history and its verdict");
  const auto options = std::make_shared<RunOptions>();
  command->add_option("TRACE", options->trace, "A trace in text form")->required();
  add_subject_options(*command, options->subject);
  command->add_option("--seed", options->seed, "Of the interleaving; else the trace's own");
  command->add_flag("--strict", options->strict, "A hazard is status 1");
  command->add_option("--history", options->history, "File for the history in binary form");
  command->callback([options, &status] {
    const auto result = run(*options);
    status = result ? *result : fail_with(result.error());
  });
}

}  // namespace bioscope
