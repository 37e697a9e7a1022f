// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace bioscope {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::vector<std::string_view> words;
  constexpr std::string_view kBlanks = " \t\r";
  while (true) {
    const std::size_t first = line.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return words;
    line.remove_prefix(first);
    const std::size_t length = std::min(line.find_first_of(kBlanks), line.size());
    words.push_back(line.substr(0, length));
    line.remove_prefix(length);
  }
}

std::optional<u64> number_of(std::string_view word, u64 largest) {
  u64 value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || value > largest) {
    return std::nullopt;
  }
  return value;
}

// "key=17" -> 17 when the word is that key's.
std::optional<u64> option_of(std::string_view word, std::string_view key, u64 largest) {
  if (!word.starts_with(key) || word.size() <= key.size() || word[key.size()] != '=') {
    return std::nullopt;
  }
  return number_of(word.substr(key.size() + 1), largest);
}

using Words = std::span<const std::string_view>;

// Each returns false when the words are not that statement.
bool read_trace(Words words, Suite& suite) {
  if (words.size() < 2 || words.size() > 3) return false;
  SuitePattern pattern{std::string(words[1]), 1};
  if (words.size() == 3) {
    const auto seeds = option_of(words[2], "seeds", kMaxSuiteSeeds);
    if (!seeds || *seeds == 0) return false;
    pattern.seeds = static_cast<u32>(*seeds);
  }
  suite.traces.push_back(std::move(pattern));
  return true;
}

bool read_random(Words words, Suite& suite) {
  if (words.size() < 2 || suite.random_count != 0) return false;
  const auto count = number_of(words[1], kMaxSuiteRandom);
  if (!count || *count == 0) return false;
  suite.random_count = static_cast<u32>(*count);
  for (const std::string_view word : words.subspan(2)) {
    if (const auto operations = option_of(word, "operations", kMaxOperations)) {
      suite.random_operations = static_cast<u32>(*operations);
    } else if (const auto seed = option_of(word, "seed", ~0ULL)) {
      suite.random_seed = *seed;
    } else {
      return false;
    }
  }
  return true;
}

bool read_profile(Words words, Suite& suite) {
  if (words.size() != 2 || (words[1] != "det" && words[1] != "smp")) return false;
  if (std::ranges::find(suite.profiles, words[1]) != suite.profiles.end()) return false;
  suite.profiles.emplace_back(words[1]);
  return true;
}

// An empty string, or what was expected instead.
std::string_view read_statement(Words words, Suite& suite) {
  if (words[0] == "trace") {
    return read_trace(words, suite) ? "" : "`trace GLOB [seeds=N]` with N from 1 to 100000";
  }
  if (words[0] == "alone") {
    if (words.size() != 2) return "`alone GLOB`";
    suite.alone.emplace_back(words[1]);
    return "";
  }
  if (words[0] == "io-errors") {
    if (words.size() != 2) return "`io-errors GLOB`";
    suite.io_errors.emplace_back(words[1]);
    return "";
  }
  if (words[0] == "random") {
    return read_random(words, suite)
               ? ""
               : "once, `random COUNT [operations=N] [seed=N]` with COUNT from 1 to 1000000";
  }
  if (words[0] == "profile") {
    return read_profile(words, suite) ? "" : "`profile det` or `profile smp`, each once";
  }
  return "`trace`, `alone`, `io-errors`, `random` or `profile`";
}

Result<void> mark(const std::vector<std::string>& globs, std::string_view statement,
                  std::span<const std::string> available,
                  std::map<std::string, PlannedTrace>& chosen, bool PlannedTrace::* flag) {
  for (const std::string& glob : globs) {
    const auto matches = [&](const std::string& path) { return matches_glob(glob, path); };
    if (std::ranges::none_of(available, matches)) {
      return bad_input(fmt::format("no trace matches `{} {}`; name one that exists below suites/",
                                   statement, glob));
    }
    for (auto& [path, planned] : chosen) planned.*flag |= matches(path);
  }
  return {};
}

}  // namespace

Result<Suite> parse_suite(std::string_view text, std::string_view name) {
  Suite suite;
  std::size_t line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const std::size_t length = std::min(text.find('\n'), text.size());
    const std::vector<std::string_view> words = words_of(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
    if (words.empty()) continue;
    const std::string_view expected = read_statement(words, suite);
    if (!expected.empty()) {
      return bad_input(fmt::format("{}:{}: expected {}", name, line_number, expected));
    }
  }
  if (suite.traces.empty() && suite.random_count == 0) {
    return bad_input(fmt::format("{}: the suite plays nothing; add a `trace` line", name));
  }
  if (suite.profiles.empty()) suite.profiles.emplace_back("det");
  return suite;
}

bool matches_glob(std::string_view glob, std::string_view path) {
  // Backtracks to the last star only: enough when a star does not stand for '/'.
  std::size_t g = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_path = 0;
  while (p < path.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      star_path = p;
    } else if (g < glob.size() && glob[g] == path[p]) {
      ++g;
      ++p;
    } else if (star != std::string_view::npos && path[star_path] != '/') {
      g = star + 1;
      p = ++star_path;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == std::string_view::npos;
}

Result<std::vector<PlannedTrace>> plan_traces(const Suite& suite,
                                              std::span<const std::string> available) {
  std::map<std::string, PlannedTrace> chosen;
  for (const SuitePattern& pattern : suite.traces) {
    bool matched = false;
    for (const std::string& path : available) {
      if (!matches_glob(pattern.glob, path)) continue;
      chosen[path] = PlannedTrace{path, pattern.seeds};
      matched = true;
    }
    if (!matched) {
      return bad_input(fmt::format(
          "no trace matches `trace {}`; name one that exists below suites/", pattern.glob));
    }
  }
  if (auto marked = mark(suite.alone, "alone", available, chosen, &PlannedTrace::alone); !marked) {
    return std::unexpected(marked.error());
  }
  if (auto marked = mark(suite.io_errors, "io-errors", available, chosen, &PlannedTrace::io_errors);
      !marked) {
    return std::unexpected(marked.error());
  }
  std::vector<PlannedTrace> plan;
  for (auto& [path, planned] : chosen) plan.push_back(std::move(planned));
  return plan;
}

u32 seeds_for(const PlannedTrace& planned, const Trace& trace) {
  return trace.lanes.size() > 1 ? planned.seeds : 1;
}

}  // namespace bioscope
