// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "harness/check/oracle.h"
#include "harness/finding/place.h"
#include "models/trace/syntax.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

// Target types from the one that says most about a hang or a crash to the one that says least.
constexpr std::array<std::string_view, 10> kTelling{
    "era",     "snapshot-merge", "snapshot", "snapshot-origin", "log-writes",
    "striped", "delay",          "flakey",   "error",           "linear"};

bool loads_target(const Trace& trace, std::string_view target) {
  const std::string word = " " + std::string(target) + " ";
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (operation.kind == OperationKind::Load && (operation.text + " ").contains(word)) {
        return true;
      }
    }
  }
  return false;
}

std::string telling_target(const Trace& trace) {
  const auto found = std::ranges::find_if(
      kTelling, [&](std::string_view target) { return loads_target(trace, target); });
  return found == kTelling.end() ? std::string() : std::string(*found);
}

// The operation that was invoked first of those that never returned.
std::optional<OperationId> first_unreturned(const History& history) {
  std::set<OperationId> returned;
  for (const Event& event : history.events) {
    if (event.kind == EventKind::Return) returned.insert(event.operation);
  }
  for (const Event& event : history.events) {
    if (event.kind == EventKind::Invoke && !returned.contains(event.operation)) {
      return event.operation;
    }
  }
  return std::nullopt;
}

// What the history alone does not tell of a hang.
void complete_hang(const Play& play, Finding& finding) {
  if (finding.signature.target.empty()) finding.signature.target = telling_target(play.trace);
  if (finding.signature.place.empty()) finding.signature.place = telling_place(play.console);
}

}  // namespace

Finding lost_guest_finding(const BatchJob& job, const Play& play) {
  Finding finding;
  finding.kind = FindingKind::Violation;
  finding.signature.rule = play.ending == "silence" ? "hang" : play.ending;
  finding.signature.target = telling_target(play.trace);
  // Never from what was called up afterwards: that differs from run to run.
  finding.signature.place = telling_place(play.console);
  finding.trace_name = job.job.name;
  finding.seed = job.seed;
  finding.message = play.reason;
  finding.splat = play.console;
  return finding;
}

Finding unfinished_finding(const BatchJob& job, const Play& play) {
  const History& history = play.history;
  Finding finding;
  finding.trace_name = job.job.name;
  finding.seed = job.seed;
  finding.stack = history.note;
  if (history.end == HistoryEnd::NotJudged) {
    finding.kind = FindingKind::NotJudged;
    finding.signature.rule = "not-judged";
    finding.message =
        history.note.empty() ? "the trace could not be played to its end" : history.note;
    finding.stack.clear();
    return finding;
  }
  finding.signature.rule = history.end == HistoryEnd::Hung ? "hang" : "crash";
  finding.signature.place = telling_place(history.note);
  complete_hang(play, finding);
  finding.operation = first_unreturned(history);
  finding.message = "the trace did not come to its end";
  if (finding.operation) {
    const Operation& operation = operation_at(play.trace, *finding.operation);
    finding.signature.operation = syntax_of(operation.kind).keyword;
    finding.message = fmt::format("\"{}\" never returned", print_operation(operation));
  }
  return finding;
}

Judgement judge_play(const BatchJob& job, const Play& play) {
  Judgement judgement;
  if (play.end == PlayEnd::GuestLost) judgement.findings.push_back(lost_guest_finding(job, play));
  if (play.end != PlayEnd::Played) return judgement;
  Checked checked = check_history(job.job.name, play.trace, play.history);
  judgement.marks = std::move(checked.marks);
  judgement.findings = std::move(checked.findings);
  const bool ended = play.history.end == HistoryEnd::Completed;
  if (!ended && judgement.findings.empty()) {
    judgement.findings.push_back(unfinished_finding(job, play));
  }
  for (Finding& finding : judgement.findings) {
    finding.seed = job.seed;
    if (finding.signature.rule == "hang") complete_hang(play, finding);
  }
  return judgement;
}

}  // namespace bioscope
