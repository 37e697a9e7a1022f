// SPDX-License-Identifier: Apache-2.0
// bioscope rules: the table of rules, and how often a run's results say that each was exercised.
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "harness/cli/command_line.h"
#include "harness/cli/commands.h"
#include "models/spec/rule.h"

namespace bioscope {
namespace {

struct RulesOptions {
  std::string covered;  // a results.json
  bool markdown = false;
};

std::string_view scope_text(const Rule& rule) {
  switch (rule.scope) {
    case Scope::Judged:
      return rule.needs_probe ? "judged, with the probe" : "judged";
    case Scope::NotObservable:
      return "not observable";
    case Scope::OutOfScope:
      return "out of scope";
  }
  return "";
}

// The marks of a run: "rules" and "outcomes".
Result<nlohmann::json> marks_in(const std::string& path) {
  std::ifstream file(path);
  const auto json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  const auto marks =
      json.is_object() ? json.value("/marks"_json_pointer, nlohmann::json()) : nlohmann::json();
  if (!marks.is_object() || !marks.contains("rules") || !marks.contains("outcomes")) {
    return bad_input(fmt::format("{} is no results.json of bioscope gate", path));
  }
  return marks;
}

void print_outcomes(const nlohmann::json& outcomes) {
  fmt::print("\nlegal outcomes that were seen\n");
  for (const auto& [operation, errors] : outcomes.items()) {
    fmt::print("  {:14}", operation);
    for (const auto& [error, times] : errors.items()) {
      fmt::print(" {} x{}", error, times.get<u64>());
    }
    fmt::print("\n");
  }
}

void print_rule(const Rule& rule, const nlohmann::json& counts, bool markdown, bool with_counts) {
  const std::string count =
      with_counts ? fmt::format("{}", counts.value(std::string(rule.name), u64{0})) : "";
  if (markdown) {
    fmt::print("| {} | {} | {} | {} |{}\n", rule.name, rule.text, rule.source, scope_text(rule),
               with_counts ? fmt::format(" {} |", count) : "");
  } else {
    fmt::print("{:<4} {:>9}{}{}\n     {} [{}]\n", rule.name, count, with_counts ? "  " : "",
               scope_text(rule), rule.text, rule.source);
  }
}

Result<int> rules(const RulesOptions& options) {
  const bool with_counts = !options.covered.empty();
  nlohmann::json counts = nlohmann::json::object();
  nlohmann::json outcomes;
  if (with_counts) {
    auto read = marks_in(options.covered);
    if (!read) return std::unexpected(read.error());
    counts = (*read)["rules"];
    outcomes = (*read)["outcomes"];
  }
  if (options.markdown) {
    fmt::print("| rule | what it says | source | scope |{}\n|---|---|---|---|{}\n",
               with_counts ? " exercised |" : "", with_counts ? "---|" : "");
  }
  u64 judged = 0;
  u64 exercised = 0;
  for (const Rule& rule : rule_table()) {
    print_rule(rule, counts, options.markdown, with_counts);
    if (rule.scope != Scope::Judged) continue;
    ++judged;
    if (counts.value(std::string(rule.name), u64{0}) > 0) ++exercised;
  }
  if (with_counts) {
    fmt::print("\n{} of {} judged rules were exercised\n", exercised, judged);
    print_outcomes(outcomes);
  }
  return 0;
}

}  // namespace

void add_rules_command(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("rules", "The rules that kernels are judged by");
  const auto options = std::make_shared<RulesOptions>();
  command->add_option("--covered", options->covered, "results.json of a run: adds how often");
  command->add_flag("--markdown", options->markdown, "As docs/RULES.md has it");
  command->callback([options, &status] {
    const auto result = rules(*options);
    status = result ? *result : fail_with(result.error());
  });
}

}  // namespace bioscope
