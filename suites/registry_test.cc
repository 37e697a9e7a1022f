// SPDX-License-Identifier: Apache-2.0
// Every trace of the suites can be played and is played: it parses, is legal, says what it shows,
// and quick and full choose it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "harness/finding/known.h"
#include "harness/gate/suite.h"
#include "models/trace/check.h"
#include "models/trace/codec.h"
#include "models/trace/lower.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kSuites = "suites";  // ctest runs in the source folder

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> all_traces() {
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(kSuites)) {
    if (entry.path().extension() == ".trace") {
      paths.push_back(fs::relative(entry.path(), kSuites).string());
    }
  }
  std::ranges::sort(paths);
  return paths;
}

std::vector<PlannedTrace> plan_of(const std::string& name) {
  const auto suite = parse_suite(read_file(kSuites / name), name);
  EXPECT_TRUE(suite) << suite.error().message;
  if (!suite) return {};
  const auto plan = plan_traces(*suite, all_traces());
  EXPECT_TRUE(plan) << plan.error().message;
  return plan.value_or(std::vector<PlannedTrace>{});
}

class TraceFile : public testing::TestWithParam<std::string> {};

TEST_P(TraceFile, ParsesIsLegalAndPrintsBackToItself) {
  const auto trace = parse_trace(read_file(kSuites / GetParam()), GetParam());
  ASSERT_TRUE(trace) << trace.error().message;
  const auto problem = check(*trace);
  EXPECT_FALSE(problem) << problem->message;
  const auto again = parse_trace(print_trace(*trace), GetParam());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, *trace);
  EXPECT_EQ(decode_trace(encode_trace(*trace)), *trace);
}

TEST_P(TraceFile, SaysWhatItShows) {
  const std::string text = read_file(kSuites / GetParam());
  for (const char* head : {"\n# Shows: ", "\n# Rules: R", "\n# Covers: "}) {
    EXPECT_THAT(text, HasSubstr(head));
  }
}

TEST_P(TraceFile, CanBeLoweredForAKernelWithoutInterposition) {
  const auto trace = parse_trace(read_file(kSuites / GetParam()), GetParam());
  ASSERT_TRUE(trace);
  const auto lowered = lower_interpose(*trace);
  EXPECT_TRUE(lowered) << lowered.error().message;
}

std::string test_name(const testing::TestParamInfo<std::string>& trace) {
  std::string name = trace.param;
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<u8>(c)); }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Suites, TraceFile, testing::ValuesIn(all_traces()), test_name);

TEST(SuiteFiles, QuickAndFullPlayEveryTrace) {
  for (const char* name : {"quick.suite", "full.suite"}) {
    std::set<std::string> planned;
    for (const PlannedTrace& trace : plan_of(name)) planned.insert(trace.path);
    for (const std::string& path : all_traces()) EXPECT_TRUE(planned.contains(path)) << path;
  }
}

// Bug E leaves tasks in D state and bug G a frozen device: nothing else can be judged there.
TEST(SuiteFiles, SmokeHasTheCasesAndWhatSpoilsAGuestInBootsOfTheirOwn) {
  const std::set<std::string> spoils{"known/era-status-during-swap.trace",
                                     "known/thaw-during-suspend.trace"};
  std::size_t cases = 0;
  std::size_t known = 0;
  for (const PlannedTrace& trace : plan_of("smoke.suite")) {
    cases += trace.path.starts_with("cases/");
    known += trace.path.starts_with("known/");
    EXPECT_EQ(trace.alone, spoils.contains(trace.path)) << trace.path;
  }
  EXPECT_GE(cases, 4U);
  EXPECT_EQ(known, 4U);
}

TEST(SuiteFiles, EveryKnownFindingNamesATraceThatExists) {
  const auto known = read_known_findings(kSuites / "known-findings.json");
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_EQ(known->size(), 4U);
  const std::vector<std::string> traces = all_traces();
  for (const KnownFinding& entry : *known) {
    EXPECT_TRUE(std::ranges::binary_search(traces, entry.trace)) << to_text(entry);
    EXPECT_TRUE(entry.link.starts_with("https://")) << to_text(entry);
  }
}

}  // namespace
}  // namespace bioscope
