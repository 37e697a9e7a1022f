// SPDX-License-Identifier: Apache-2.0
// The table of a run, for people, machines and docs/results.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness/mutants/run.h"

namespace bioscope {
namespace {

struct Summary {
  std::size_t found = 0;
  std::size_t missed = 0;     // that traces have to find
  std::size_t scenarios = 0;  // not found by traces, and left to a scenario
  double median_seconds = 0;  // of those found
  double most_seconds = 0;
  std::size_t longest_shrunk = 0;  // operations
};

Summary summarize(const MutantRun& run) {
  Summary summary;
  std::vector<double> seconds;
  for (const MutantRow& row : run.rows) {
    if (row.hunt.find) {
      ++summary.found;
      seconds.push_back(row.seconds);
      if (row.shrunk) {
        summary.longest_shrunk = std::max(summary.longest_shrunk, operation_count(*row.shrunk));
      }
    } else if (row.mutant.check == MutantCheck::Scenarios) {
      ++summary.scenarios;
    } else {
      ++summary.missed;
    }
  }
  std::ranges::sort(seconds);
  if (!seconds.empty()) {
    summary.median_seconds = seconds[seconds.size() / 2];
    summary.most_seconds = seconds.back();
  }
  return summary;
}

std::string outcome_of(const MutantRow& row) {
  if (!row.hunt.find) {
    std::string text =
        row.mutant.check == MutantCheck::Scenarios ? "left to its scenario" : "MISSED";
    return row.hunt.trouble.empty() ? text : fmt::format("{}; {}", text, row.hunt.trouble);
  }
  std::string text =
      fmt::format("{} in {}", to_text(row.hunt.find->finding.signature), row.hunt.find->job.name);
  if (row.failed_plays > 0) {
    text += fmt::format("; the plain reference FAILED {} of {} plays of it", row.failed_plays,
                        row.failed_plays + row.confirmed_plays);
  }
  return text;
}

std::string verdict_line(const MutantRun& run) {
  const Summary summary = summarize(run);
  std::string text = fmt::format("{} of {} mutants found", summary.found, run.rows.size());
  if (summary.scenarios > 0) {
    text += fmt::format(", {} left to their scenarios", summary.scenarios);
  }
  if (summary.missed > 0) text += fmt::format(", {} MISSED", summary.missed);
  if (!run.left_out.empty()) {
    text += fmt::format("; left out, since the plain reference FAILS them: {}",
                        fmt::join(run.left_out, ", "));
  }
  text += fmt::format("; median {:.2f} s, longest {:.2f} s; the canary was {}",
                      summary.median_seconds, summary.most_seconds,
                      run.canary_found ? "found" : "NOT FOUND: nothing here counts");
  return text;
}

}  // namespace

std::string to_text(const MutantRun& run) {
  std::string text;
  for (const MutantRow& row : run.rows) {
    text += fmt::format("{:32} {:16} {:4} {:7} plays {:7.2f} s  {}", row.mutant.info.name,
                        row.mutant.info.where, row.mutant.info.rule, row.hunt.plays, row.seconds,
                        outcome_of(row));
    if (row.shrunk) text += fmt::format("; {} operations", operation_count(*row.shrunk));
    text += '\n';
  }
  return text + verdict_line(run) + '\n';
}

std::string to_json(const MutantRun& run) {
  const Summary summary = summarize(run);
  nlohmann::ordered_json json;
  json["canary_found"] = run.canary_found;
  json["interrupted"] = run.interrupted;
  json["found"] = summary.found;
  json["missed"] = summary.missed;
  json["median_seconds"] = summary.median_seconds;
  json["longest_seconds"] = summary.most_seconds;
  json["mutants"] = nlohmann::ordered_json::array();
  for (const MutantRow& row : run.rows) {
    nlohmann::ordered_json entry;
    entry["name"] = row.mutant.info.name;
    entry["where"] = row.mutant.info.where;
    entry["rule"] = row.mutant.info.rule;
    entry["what"] = row.mutant.info.what;
    entry["check"] = word_of(row.mutant.check);
    entry["budget_plays"] = row.mutant.budget_plays;
    entry["plays"] = row.hunt.plays;
    entry["not_judged"] = row.hunt.not_judged;
    entry["seconds"] = row.seconds;
    entry["found"] = row.hunt.find.has_value();
    if (row.hunt.find) {
      entry["trace"] = row.hunt.find->job.name;
      entry["seed"] = row.hunt.find->first_seed;
      entry["signature"] = to_text(row.hunt.find->finding.signature);
      entry["message"] = row.hunt.find->finding.message;
    }
    if (!row.hunt.trouble.empty()) entry["trouble"] = row.hunt.trouble;
    if (row.shrunk) entry["shrunk_operations"] = operation_count(*row.shrunk);
    if (row.confirmed_plays + row.failed_plays > 0) {
      entry["plain_passed_plays"] = row.confirmed_plays;
      entry["plain_failed_plays"] = row.failed_plays;
    }
    json["mutants"].push_back(std::move(entry));
  }
  return json.dump(2) + "\n";
}

std::string to_markdown(const MutantRun& run) {
  std::string text =
      "| mutant | what | breaks | found by | as | plays | seconds | shrunk to | plain passed |\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (const MutantRow& row : run.rows) {
    const bool found = row.hunt.find.has_value();
    text += fmt::format(
        "| {} | {}: {} | {} | {} | {} | {} | {:.2f} | {} | {} |\n", row.mutant.info.name,
        row.mutant.info.where, row.mutant.info.what, row.mutant.info.rule,
        found ? row.hunt.find->job.name : outcome_of(row),
        found ? to_text(row.hunt.find->finding.signature) : "", row.hunt.plays, row.seconds,
        row.shrunk ? fmt::format("{} operations", operation_count(*row.shrunk)) : "",
        row.confirmed_plays + row.failed_plays > 0
            ? fmt::format("{} of {}", row.confirmed_plays, row.confirmed_plays + row.failed_plays)
            : "");
  }
  return text + "\n" + verdict_line(run) + ".\n";
}

}  // namespace bioscope
