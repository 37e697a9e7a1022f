// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/verdict.h"

#include <gtest/gtest.h>

namespace bioscope {
namespace {

Classified classified(FindingClass finding_class) {
  Classified result;
  result.finding_class = finding_class;
  return result;
}

TraceVerdict verdict(PlayEnd end, std::vector<FindingClass> classes, bool strict = false) {
  std::vector<Classified> findings;
  for (const FindingClass c : classes) findings.push_back(classified(c));
  return verdict_of(end, findings, strict);
}

TEST(TraceVerdict, TheWorstDecides) {
  using C = FindingClass;
  EXPECT_EQ(verdict(PlayEnd::Played, {}), TraceVerdict::Passed);
  EXPECT_EQ(verdict(PlayEnd::Played, {C::Known}), TraceVerdict::Known);
  EXPECT_EQ(verdict(PlayEnd::Played, {C::Known, C::Hazard}), TraceVerdict::Hazard);
  EXPECT_EQ(verdict(PlayEnd::Played, {C::Hazard, C::NotJudged}), TraceVerdict::NotJudged);
  EXPECT_EQ(verdict(PlayEnd::Played, {C::NotJudged, C::Violation}), TraceVerdict::Failed);
  EXPECT_EQ(verdict(PlayEnd::Played, {C::Expired}), TraceVerdict::Failed);
}

TEST(TraceVerdict, StrictMakesAHazardFail) {
  EXPECT_EQ(verdict(PlayEnd::Played, {FindingClass::Hazard}, true), TraceVerdict::Failed);
}

TEST(TraceVerdict, WhatWasNotSeenIsNeverPassed) {
  EXPECT_EQ(verdict(PlayEnd::NotPlayed, {}), TraceVerdict::NotPlayed);
  EXPECT_EQ(verdict(PlayEnd::NotJudged, {}), TraceVerdict::NotJudged);
  EXPECT_EQ(verdict(PlayEnd::GuestLost, {}), TraceVerdict::NotJudged);
}

RunReport good() {
  RunReport report;
  report.traces = {{"a.trace", 1, "det", 0, TraceVerdict::Passed, ""}};
  report.floors = {{"copy-outs", 10, 0, 10, false}};
  return report;
}

void add(RunReport& report, FindingClass finding_class) {
  FindingReport finding;
  finding.classified = classified(finding_class);
  report.findings.push_back(finding);
}

TEST(Status, NothingWrongIsZero) {
  EXPECT_EQ(status_of(good(), false), ExitStatus::Passed);
}

TEST(Status, KnownFindingsAndHazardsPass) {
  RunReport report = good();
  add(report, FindingClass::Known);
  add(report, FindingClass::Hazard);
  EXPECT_EQ(status_of(report, false), ExitStatus::Passed);
  report.strict = true;
  EXPECT_EQ(status_of(report, false), ExitStatus::Violated);
}

TEST(Status, AnExpiredEntryFails) {
  RunReport report = good();
  add(report, FindingClass::Expired);
  EXPECT_EQ(status_of(report, false), ExitStatus::Violated);
}

TEST(Status, OneWinsOverThree) {
  RunReport report = good();
  report.troubles = {"the guest never spoke"};
  EXPECT_EQ(status_of(report, false), ExitStatus::NotJudged);
  add(report, FindingClass::Violation);
  EXPECT_EQ(status_of(report, false), ExitStatus::Violated);
}

TEST(Status, AnInterruptionWinsOverAll) {
  RunReport report = good();
  add(report, FindingClass::Violation);
  EXPECT_EQ(status_of(report, true), ExitStatus::Interrupted);
}

TEST(Status, ATraceThatWasNotJudgedIsThree) {
  RunReport report = good();
  report.traces.push_back({"b.trace", 1, "det", 0, TraceVerdict::NotJudged, "why"});
  EXPECT_EQ(status_of(report, false), ExitStatus::NotJudged);
}

TEST(Status, ALowFloorIsThreeUnlessWaived) {
  RunReport report = good();
  report.floors[0].have = 9;
  EXPECT_EQ(status_of(report, false), ExitStatus::NotJudged);
  report.floors_waived = true;
  EXPECT_EQ(status_of(report, false), ExitStatus::Passed);
}

TEST(Status, NothingPlayedIsThreeEvenWithFloorsWaived) {
  RunReport report = good();
  report.floors_waived = true;
  report.traces[0].verdict = TraceVerdict::NotPlayed;
  EXPECT_EQ(status_of(report, false), ExitStatus::NotJudged);
  report.traces.clear();
  EXPECT_EQ(status_of(report, false), ExitStatus::NotJudged);
}

}  // namespace
}  // namespace bioscope
