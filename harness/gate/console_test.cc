// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bioscope {
namespace {

using testing::HasSubstr;

constexpr const char* kBoot = "[    0.000000] Linux version 6.1.0\n";

struct Scene {
  std::vector<BatchJob> jobs;
  BatchOutcome outcome;
};

Scene scene(const std::string& console) {
  Scene result;
  result.jobs.resize(2);
  result.jobs[0].job.name = "a.trace";
  result.jobs[0].seed = 5;
  result.jobs[1].job.name = "b.trace";
  result.outcome.plays.resize(2);
  for (Play& play : result.outcome.plays) play.end = PlayEnd::Played;
  result.outcome.boots = {{.console = console, .agent_spoke = true}};
  return result;
}

ConsoleJudgement judge(const Scene& scene, std::vector<Allowance> allowances = {}) {
  return judge_console(scene.jobs, scene.outcome, 0, allowances, "2026-06-01");
}

const std::string kWarning =
    std::string(kBoot) +
    "[    1.000000] bioscope: trace a.trace begin\n"
    "[    1.100000] WARNING: CPU: 0 PID: 7 at block/blk-core.c:600 submit_bio_noacct+0x1/0x2\n"
    "[    1.200000] bioscope: trace a.trace end\n";

TEST(Console, ASplatIsAViolationOfTheTraceInProgress) {
  const ConsoleJudgement judgement = judge(scene(kWarning));
  ASSERT_EQ(judgement.findings.size(), 1U);
  const Finding& finding = judgement.findings[0];
  EXPECT_EQ(finding.kind, FindingKind::Violation);
  EXPECT_EQ(finding.trace_name, "a.trace");
  EXPECT_EQ(finding.seed, 5U);
  EXPECT_THAT(finding.signature.rule, HasSubstr("splat:"));
}

TEST(Console, AnAllowanceHoldsUntilItExpires) {
  const Allowance allowance{"blk-core.c:600", "reason", "link", "2026-12-31"};
  EXPECT_TRUE(judge(scene(kWarning), {allowance}).findings.empty());
  const Allowance expired{"blk-core.c:600", "reason", "link", "2026-01-31"};
  EXPECT_EQ(judge(scene(kWarning), {expired}).findings.size(), 1U);
}

TEST(Console, WithoutAConsoleNothingPasses) {
  EXPECT_FALSE(judge(scene("")).trouble.empty());
  EXPECT_TRUE(judge(scene(kBoot)).trouble.empty());
}

TEST(Console, AnIoErrorIsExpectedWhereAnOperationFailed) {
  Scene io =
      scene(std::string(kBoot) +
            "[    1.000000] bioscope: trace a.trace begin\n"
            "[    1.100000] Buffer I/O error on dev dm-0, logical block 0, async page read\n");
  EXPECT_EQ(judge(io).findings.size(), 1U);
  io.outcome.plays[0].history.events = {{.kind = EventKind::Return, .error = EIO}};
  EXPECT_TRUE(judge(io).findings.empty());
}

const std::string kHungTask =
    std::string(kBoot) +
    "[    1.000000] bioscope: trace a.trace begin\n"
    "[    1.100000] INFO: task kworker/0:1:7 blocked for more than 30 seconds.\n";

TEST(Console, AHangIsToldOnceButNotInPlaceOfOtherSplats) {
  EXPECT_EQ(judge(scene(kHungTask)).findings.size(), 1U);
  Scene hung = scene(kHungTask);
  hung.outcome.plays[0].history.end = HistoryEnd::Hung;
  EXPECT_TRUE(judge(hung).findings.empty());
  hung.outcome.boots[0].console = kWarning;
  EXPECT_EQ(judge(hung).findings.size(), 1U);
}

TEST(Console, ThePanicThatEndedAGuestIsToldOnce) {
  Scene lost = scene(kWarning + "[    2.000000] Kernel panic - not syncing: Fatal exception\n");
  EXPECT_EQ(judge(lost).findings.size(), 2U);
  lost.outcome.plays[1].end = PlayEnd::GuestLost;
  ASSERT_EQ(judge(lost).findings.size(), 1U);
  EXPECT_EQ(judge(lost).findings[0].signature.rule, "splat:WARNING");
}

TEST(Console, TwoSeedsOfATraceAreTwoPlays) {
  Scene seeds = scene(std::string(kBoot) +
                      "[    0.500000] bioscope: trace a.trace begin\n"
                      "[    0.600000] bioscope: trace a.trace end\n" +
                      kWarning.substr(std::string(kBoot).size()));
  seeds.jobs[1].job.name = "a.trace";
  seeds.jobs[1].seed = 6;
  ASSERT_EQ(judge(seeds).findings.size(), 1U);
  EXPECT_EQ(judge(seeds).findings[0].seed, 6U);
  seeds.outcome.boots[0].console = kWarning;
  EXPECT_EQ(judge(seeds).findings[0].seed, 5U);
}

TEST(Console, AllowancesAreReadStrictly) {
  EXPECT_TRUE(parse_allowances(R"({"allowed": []})", "a.json").has_value());
  const auto read = parse_allowances(
      R"({"allowed": [{"pattern": "p", "reason": "r", "link": "l", "expiry": "2027-01-01",
          "scope": "held-requests"}]})",
      "a.json");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ((*read)[0].scope, Allowance::Scope::HeldRequests);
  for (const char* bad : {"{", "{}", R"({"allowed": [{"pattern": "p"}]})",
                          R"({"allowed": [{"pattern": "p", "reason": "r", "link": "l",
                              "expiry": "2027-01-01", "scope": "sometimes"}]})",
                          R"({"allowed": [{"pattern": "p", "reason": "r", "link": "l",
                              "expiry": "never"}]})",
                          R"({"allowed": [{"pattern": "p", "reason": "r", "link": "l",
                              "expiry": "2027-01-01", "scopes": "always"}]})"}) {
    const auto refused = parse_allowances(bad, "a.json");
    ASSERT_FALSE(refused.has_value()) << bad;
    EXPECT_EQ(refused.error().kind, ErrorKind::BadInput);
  }
}

}  // namespace
}  // namespace bioscope
