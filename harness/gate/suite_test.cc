// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/suite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bioscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(SuiteTest, ReadsEveryStatement) {
  const auto suite = parse_suite(
      "# what this is for\n"
      "profile det\nprofile smp\n"
      "trace cases/*.trace seeds=3   # all of them\n"
      "\n"
      "trace known/era.trace\n"
      "alone known/*\n"
      "io-errors snapshot/overflow-*\n"
      "random 40 operations=20 seed=7\n",
      "quick.suite");
  ASSERT_TRUE(suite) << suite.error().message;
  EXPECT_THAT(suite->traces,
              ElementsAre(SuitePattern{"cases/*.trace", 3}, SuitePattern{"known/era.trace", 1}));
  EXPECT_THAT(suite->alone, ElementsAre("known/*"));
  EXPECT_THAT(suite->io_errors, ElementsAre("snapshot/overflow-*"));
  EXPECT_THAT(suite->profiles, ElementsAre("det", "smp"));
  EXPECT_EQ(suite->random_count, 40U);
  EXPECT_EQ(suite->random_operations, 20U);
  EXPECT_EQ(suite->random_seed, 7U);
}

TEST(SuiteTest, DefaultsToTheDeterministicProfileAndTheGatesSeed) {
  const auto suite = parse_suite("random 1", "s");
  ASSERT_TRUE(suite);
  EXPECT_THAT(suite->profiles, ElementsAre("det"));
  EXPECT_EQ(suite->random_seed, std::nullopt);
}

TEST(SuiteTest, RefusesWhatItDoesNotKnowAndSaysWhere) {
  for (const char* line :
       {"trace", "trace a b", "trace a seeds=0", "trace a seeds=x", "alone", "io-errors a b",
        "random", "random 0", "random 5 speed=1", "random -1", "profile fast",
        "profile det\nprofile det", "random 1\nrandom 2", "traces a"}) {
    const auto suite = parse_suite(std::string("trace x\n") + line + "\n", "s.suite");
    ASSERT_FALSE(suite) << line;
    EXPECT_EQ(suite.error().kind, ErrorKind::BadInput);
    EXPECT_THAT(suite.error().message, HasSubstr("s.suite:")) << line;
    EXPECT_THAT(suite.error().message, HasSubstr("expected")) << line;
  }
}

TEST(SuiteTest, RefusesASuiteThatPlaysNothing) {
  EXPECT_FALSE(parse_suite("", "s"));
  EXPECT_FALSE(parse_suite("profile smp\n# trace a\n", "s"));
}

TEST(SuiteTest, AStarStandsForAnythingWithinAFolder) {
  EXPECT_TRUE(matches_glob("cases/*.trace", "cases/a.trace"));
  EXPECT_TRUE(matches_glob("*/*", "cases/a.trace"));
  EXPECT_TRUE(matches_glob("c*/*a*", "cases/bab.trace"));
  EXPECT_TRUE(matches_glob("cases/a.trace", "cases/a.trace"));
  EXPECT_FALSE(matches_glob("*", "cases/a.trace"));
  EXPECT_FALSE(matches_glob("cases/*.trace", "cases/deep/a.trace"));
  EXPECT_FALSE(matches_glob("cases/*.trace", "cases/a.traces"));
  EXPECT_FALSE(matches_glob("", "a"));
}

TEST(SuiteTest, PlansWhatMatchesSortedWithTheLaterSeeds) {
  Suite suite;
  suite.traces = {{"*/*", 2}, {"known/*", 5}};
  suite.alone = {"known/e*"};
  suite.io_errors = {"*/f"};
  const std::vector<std::string> available{"known/f", "cases/a", "known/e"};
  const auto plan = plan_traces(suite, available);
  ASSERT_TRUE(plan);
  EXPECT_THAT(*plan,
              ElementsAre(PlannedTrace{"cases/a", 2}, PlannedTrace{"known/e", 5, true, false},
                          PlannedTrace{"known/f", 5, false, true}));
}

TEST(SuiteTest, APatternThatMatchesNothingIsAnError) {
  Suite suite;
  suite.traces = {{"cases/gone", 1}};
  const std::vector<std::string> available{"cases/a"};
  EXPECT_FALSE(plan_traces(suite, available));
  suite.traces = {{"cases/a", 1}};
  suite.alone = {"cases/gone"};
  EXPECT_FALSE(plan_traces(suite, available));
  suite.alone = {};
  suite.io_errors = {"cases/gone"};
  EXPECT_FALSE(plan_traces(suite, available));
}

TEST(SuiteTest, OneLaneIsPlayedOnce) {
  Trace trace;
  trace.lanes.resize(1);
  EXPECT_EQ(seeds_for({"a", 9}, trace), 1U);
  trace.lanes.resize(2);
  EXPECT_EQ(seeds_for({"a", 9}, trace), 9U);
}

}  // namespace
}  // namespace bioscope
