// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/console.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
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

bool is_lost(const Play& play) {
  return play.end == PlayEnd::GuestLost;
}

bool hung(const Play& play) {
  return is_lost(play) || (play.end == PlayEnd::Played && play.history.end == HistoryEnd::Hung);
}

// The plays of this boot by name, in the order in which they began.
std::map<std::string, std::vector<std::size_t>> plays_of(std::span<const BatchJob> jobs,
                                                         const BatchOutcome& outcome,
                                                         std::size_t boot) {
  std::map<std::string, std::vector<std::size_t>> plays;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (outcome.plays[i].boot == boot) plays[jobs[i].job.name].push_back(i);
  }
  return plays;
}

// The hang of a trace, the panic that ended a guest and the end of its agent are told as such.
bool is_told_already(const Splat& splat, const Play* play, bool guest_was_lost) {
  if (splat.category == "panic") {
    return guest_was_lost || splat.headline.contains("Attempted to kill init");
  }
  return splat.category == "hung task" && play != nullptr && hung(*play);
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
  const auto plays = plays_of(jobs, outcome, boot);
  bool guest_was_lost = false;
  for (const auto& [name, indices] : plays) {
    for (std::size_t n = 0; n < indices.size(); ++n) {
      const Play& play = outcome.plays[indices[n]];
      guest_was_lost = guest_was_lost || is_lost(play);
      if (holds_requests(play.trace)) policy.traces_that_hold.insert({name, n});
      if (jobs[indices[n]].io_errors || expects_io_errors(play)) {
        policy.traces_that_fail_io.insert({name, n});
      }
    }
  }
  const ConsoleScan scan = scan_console(outcome.boots[boot].console, policy);
  if (!scan.judged) {
    judgement.trouble = scan.why_not;
    return judgement;
  }
  for (const Splat& splat : scan.splats) {
    if (splat.is_allowed()) continue;
    const auto found = plays.find(splat.trace);
    const bool has_play = found != plays.end() && splat.play < found->second.size();
    const std::size_t index = has_play ? found->second[splat.play] : jobs.size();
    const Play* play = has_play ? &outcome.plays[index] : nullptr;
    if (is_told_already(splat, play, guest_was_lost)) continue;
    judgement.findings.push_back(finding_of(splat));
    if (has_play) judgement.findings.back().seed = jobs[index].seed;
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
