// SPDX-License-Identifier: Apache-2.0
#include "harness/check/oracle.h"

#include <gtest/gtest.h>

#include "models/spec/player.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

Trace parsed(std::string_view lines) {
  auto trace = parse_trace(
      "bioscope-trace 1\nseed 1\ndisk d0 null size=2048\n" + std::string(lines), "test");
  EXPECT_TRUE(trace.has_value()) << trace.error().message;
  return trace.value_or(Trace{});
}

TEST(Oracle, AWrongStampIsAViolationWithEvidence) {
  const Trace trace = parsed("lane A\n  write d0 0+8\n  read d0 0+8\n");
  History history = perfect_history(trace);
  EXPECT_TRUE(check_history("t", trace, history).findings.empty());
  history.events.back().data = {{8, Stamp{0, 1, 1}}};
  const auto findings = check_history("t", trace, history).findings;
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].kind, FindingKind::Violation);
  EXPECT_EQ(findings[0].signature.rule, "P1");
  EXPECT_EQ(findings[0].signature.operation, "read");
  EXPECT_EQ(findings[0].evidence.at(0).seen, (Sector{Stamp{0, 1, 1}}));
}

TEST(Oracle, ALeftoverIsAViolationOfP10) {
  const Trace trace = parsed("lane A\n  write d0 0+8\n");
  History history = perfect_history(trace);
  history.leftovers = {{"holders of d0", 0, 1}};
  const auto findings = check_history("t", trace, history).findings;
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].signature.rule, "P10");
}

TEST(Oracle, AHungReadIsAHangWithItsPlace) {
  const Trace trace = parsed("lane A\n  write d0 0+8\n  read d0 0+8\n");
  History history = perfect_history(trace);
  history.events.pop_back();
  history.end = HistoryEnd::Hung;
  const auto findings = check_history("t", trace, history).findings;
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].signature.rule, "hang");
  EXPECT_EQ(findings[0].signature.operation, "read");
}

TEST(Oracle, AHangOnASuspendedDeviceIsNotJudged) {
  const Trace trace = parsed(
      "lane A\n  create x; load x \"0 2048 linear d0 0\"; resume x\n  suspend x\n  read x 0+8\n");
  History history = perfect_history(trace);
  history.events.pop_back();
  history.end = HistoryEnd::Hung;
  const auto findings = check_history("t", trace, history).findings;
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].kind, FindingKind::NotJudged);
}

TEST(Oracle, ACrashIsAViolationAndNotJudgedNeverPasses) {
  const Trace trace = parsed("lane A\n  write d0 0+8\n");
  History history = perfect_history(trace);
  history.end = HistoryEnd::Crashed;
  EXPECT_EQ(check_history("t", trace, history).findings.at(0).signature.rule, "crash");
  history.end = HistoryEnd::NotJudged;
  EXPECT_EQ(check_history("t", trace, history).findings.at(0).kind, FindingKind::NotJudged);
}

}  // namespace
}  // namespace bioscope
