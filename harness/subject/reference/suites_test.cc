// SPDX-License-Identifier: Apache-2.0
// The reference passes every trace of the suites that it can play, with many schedules where there
// is something to schedule.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "harness/check/oracle.h"
#include "harness/subject/reference/reference_subject.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

struct Loaded {
  std::string name;
  Trace trace;
};

std::vector<Loaded> load_suites() {
  const std::filesystem::path suites = "suites";
  std::vector<Loaded> traces;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(suites)) {
    if (entry.path().extension() != ".trace") continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    auto parsed = parse_trace(text.str(), entry.path().string());
    EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
    if (parsed) traces.push_back({entry.path().lexically_relative(suites).string(), *parsed});
  }
  std::ranges::sort(traces, {}, &Loaded::name);
  return traces;
}

bool is_concurrent(const Trace& trace) {
  return trace.lanes.size() > 1 || std::ranges::any_of(trace.lanes, [](const Lane& lane) {
           return std::ranges::any_of(lane.operations, &Operation::async);
         });
}

// Recipes that break a documented precondition: what they show is no fault of the subject.
struct Recipe {
  std::string_view name;
  std::string_view hazard;
};
constexpr std::array<Recipe, 3> kRecipes{{
    {"cases/case-a-snapshot-without-suspend.trace", "R74/snapshot/read"},
    {"cases/case-c-snapshot-of-mapped-device.trace", "R75/snapshot/read"},
    {"snapshot/direct-disk-write-bypasses.trace", "R75/snapshot/read"},
}};

// Everything that is wrong with one play; empty if nothing is.
std::string faults_of(const Loaded& loaded, const History& history, Marks& marks) {
  std::string faults;
  if (history.end != HistoryEnd::Completed) {
    faults += std::string(word_of(history.end)) + ": " + history.note + "\n";
  }
  const auto* recipe = std::ranges::find(kRecipes, loaded.name, &Recipe::name);
  bool shown = recipe == kRecipes.end();
  const Checked checked = check_history(loaded.name, loaded.trace, history);
  for (const Finding& finding : checked.findings) {
    const std::string signature = to_text(finding.signature);
    if (recipe != kRecipes.end() && finding.kind == FindingKind::Hazard &&
        signature == recipe->hazard) {
      shown = true;
      continue;
    }
    faults += signature + ": " + finding.message + "\n";
  }
  if (!shown) faults += "does not show the hazard " + std::string(recipe->hazard) + "\n";
  marks.add(checked.marks);
  return faults;
}

TEST(ReferenceSuites, NoTraceIsViolated) {
  constexpr u64 kSeeds = 20;
  ReferenceSubject subject({.watch = true});
  Marks marks;
  std::size_t played = 0;
  for (const Loaded& loaded : load_suites()) {
    SCOPED_TRACE(loaded.name);
    const u64 seeds = is_concurrent(loaded.trace) ? kSeeds : 1;
    for (u64 i = 0; i < seeds; ++i) {
      const u64 seed = loaded.trace.seed + i;
      const auto history = subject.play({loaded.name, loaded.trace}, seed, {});
      ASSERT_TRUE(history.has_value()) << history.error().message;
      ++played;
      const std::string faults = faults_of(loaded, *history, marks);
      EXPECT_EQ(faults, "") << "seed " << seed << "\n" << to_text(loaded.trace, *history);
      if (!faults.empty()) break;
    }
  }
  EXPECT_GT(played, 500U);
  EXPECT_GT(marks.copy_outs, 500U);
  EXPECT_GT(marks.reads_binding * 10, marks.reads * 6);
}

}  // namespace
}  // namespace bioscope
