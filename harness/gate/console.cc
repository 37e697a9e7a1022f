// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/console.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "harness/finding/text_entry.h"

namespace bioscope {
namespace {

using Json = nlohmann::json;

bool holds_requests(const Trace& trace) {
  return std::ranges::any_of(trace.disk_script,
                             [](const DiskStep& step) { return step.kind == DiskStepKind::Hold; });
}

// Generated traces are in no suite file, so the history is asked too. The kernel's lines about I/O
// errors are what the trace asked for when a disk is to fail, or when an operation came back with
// an error: whether that error was right, the specification has judged.
bool expects_io_errors(const Play& play) {
  const bool fails = std::ranges::any_of(
      play.trace.disk_script, [](const DiskStep& step) { return step.kind == DiskStepKind::Fail; });
  return fails || std::ranges::any_of(play.history.events, [](const Event& event) {
           return event.kind == EventKind::Return &&
                  (event.error == EIO || event.error == ENOSPC || event.text.contains("Invalid") ||
                   event.text.contains("Overflow"));
         });
}

bool is_told_already(const Play& play) {
  return play.end == PlayEnd::GuestLost ||
         (play.end == PlayEnd::Played && play.history.end == HistoryEnd::Hung);
}

// The last play of this boot under that name: splats before the trace's mark have no name.
std::size_t play_of(std::span<const BatchJob> jobs, const BatchOutcome& outcome, std::size_t boot,
                    const std::string& name) {
  for (std::size_t i = jobs.size(); i-- > 0;) {
    if (jobs[i].job.name == name && outcome.plays[i].boot == boot) return i;
  }
  return jobs.size();
}

Finding finding_of(const Splat& splat) {
  Finding finding;
  finding.signature = {"splat:" + splat.category, "", "", splat.symbol};
  finding.trace_name = splat.trace.empty() ? "boot" : splat.trace;
  finding.message = fmt::format("the kernel says: {}", splat.headline);
  if (splat.allowance_expired) finding.message += " (its allowance has expired)";
  finding.splat = fmt::format("{}\n", fmt::join(splat.block, "\n"));
  return finding;
}

constexpr std::array<TextKey, 5> kKeys{
    {{"pattern"}, {"reason"}, {"link"}, {"expiry"}, {"scope", false, true}}};

Result<Allowance> allowance_of(const Json& json, const std::string& where) {
  auto texts = read_text_entry(json, kKeys, where);
  if (!texts) return std::unexpected(texts.error());
  const auto text = [&](std::string_view key) { return texts->find(key)->second; };
  Allowance allowance{text("pattern"), text("reason"), text("link"), text("expiry")};
  const std::string scope = text("scope");
  if (scope == "held-requests") {
    allowance.scope = Allowance::Scope::HeldRequests;
  } else if (!scope.empty() && scope != "always") {
    return bad_input(where + ": \"scope\" has to be \"always\" or \"held-requests\"");
  }
  return allowance;
}

}  // namespace

ConsoleJudgement judge_console(std::span<const BatchJob> jobs, const BatchOutcome& outcome,
                               std::size_t boot, std::span<const Allowance> allowances,
                               std::string_view today) {
  ConsoleJudgement judgement;
  if (!outcome.boots[boot].agent_spoke) return judgement;
  SplatPolicy policy;
  policy.allowances.assign(allowances.begin(), allowances.end());
  policy.today = today;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Play& play = outcome.plays[i];
    if (play.boot != boot) continue;
    if (holds_requests(play.trace)) policy.traces_that_hold.insert(jobs[i].job.name);
    if (jobs[i].io_errors || expects_io_errors(play)) {
      policy.traces_that_fail_io.insert(jobs[i].job.name);
    }
  }
  const ConsoleScan scan = scan_console(outcome.boots[boot].console, policy);
  if (!scan.judged) {
    judgement.trouble = scan.why_not;
    return judgement;
  }
  for (const Splat& splat : scan.splats) {
    if (splat.is_allowed()) continue;
    const std::size_t index = play_of(jobs, outcome, boot, splat.trace);
    if (index < jobs.size() && is_told_already(outcome.plays[index])) continue;
    judgement.findings.push_back(finding_of(splat));
    if (index < jobs.size()) judgement.findings.back().seed = jobs[index].seed;
  }
  return judgement;
}

Result<std::vector<Allowance>> parse_allowances(std::string_view json, const std::string& source) {
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object() || !root.contains("allowed") || !root["allowed"].is_array()) {
    return bad_input(source + ": expected {\"allowed\": [..]}");
  }
  std::vector<Allowance> allowances;
  for (const Json& entry : root["allowed"]) {
    auto allowance =
        allowance_of(entry, fmt::format("{}: entry {}", source, allowances.size() + 1));
    if (!allowance) return std::unexpected(allowance.error());
    allowances.push_back(std::move(*allowance));
  }
  return allowances;
}

Result<std::vector<Allowance>> read_allowances(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return bad_input(fmt::format("{} cannot be read", path.string()));
  return parse_allowances(text.str(), path.string());
}

}  // namespace bioscope
