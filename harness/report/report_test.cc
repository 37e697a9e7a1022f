// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "harness/report/json.h"
#include "harness/report/junit.h"
#include "harness/report/ktap.h"
#include "harness/report/sample_report.h"
#include "harness/report/text.h"

namespace bioscope {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

TEST(Json, HoldsWhatScriptsAskFor) {
  const Json json = Json::parse(to_json(sample_report()));
  EXPECT_EQ(json["format"], 1);
  EXPECT_EQ(json["status"], 1);
  EXPECT_EQ(json["counts"]["not played"], 1);
  EXPECT_EQ(json["counts"]["passed"], 1);
  ASSERT_EQ(json["findings"].size(), 3U);
  EXPECT_EQ(json["findings"][0]["signature"], "R65/snapshot/read");
  EXPECT_EQ(json["findings"][0]["evidence"][0]["seen"], "op3@8");
  EXPECT_EQ(json["findings"][0]["evidence"][0]["legal"][0], "0");
  EXPECT_EQ(json["known_findings"][0]["occurrences"], 1);
  EXPECT_EQ(json["known_findings"][1]["occurrences"], 0);
  EXPECT_EQ(json["floors"][0]["held"], true);
  EXPECT_EQ(json["floors"][1]["held"], false);
  EXPECT_EQ(json["marks"]["rules"]["R65"], 4);
  EXPECT_EQ(json["traces"].size(), 6U);
}

TEST(Json, OnlyTheWallObjectDependsOnTime) {
  RunReport slow = sample_report();
  slow.wall = {"2027-01-01T00:00:00Z", 99'000, 1.5, {{50'000, 9999}}};
  Json one = Json::parse(to_json(sample_report()));
  Json two = Json::parse(to_json(slow));
  EXPECT_NE(one, two);
  one.erase("wall");
  two.erase("wall");
  EXPECT_EQ(one, two);
}

TEST(Json, AnyByteOfAConsoleIsTaken) {
  RunReport report = sample_report();
  report.findings[0].classified.finding.splat = "BUG: \xff\xfe\x01";
  EXPECT_FALSE(Json::parse(to_json(report), nullptr, false).is_discarded());
}

TEST(Ktap, OneTestPointATrace) {
  const std::string text = to_ktap(sample_report());
  EXPECT_THAT(text, testing::StartsWith("KTAP version 1\n1..7\n"));
  EXPECT_THAT(text, HasSubstr("\nok 1 a/passes.trace seed=7 det\n"));
  EXPECT_THAT(text, HasSubstr("\nnot ok 2 a/fails.trace seed=7 det\n"));
  EXPECT_THAT(text, HasSubstr("\nnot ok 3 a/hazard.trace seed=7 det # XFAIL hazard\n"));
  EXPECT_THAT(text, HasSubstr("\nnot ok 4 a/known.trace seed=7 det # XFAIL known finding\n"));
  EXPECT_THAT(text, HasSubstr("\nok 5 a/lacks.trace seed=7 det # SKIP the guest lacks probe\n"));
  EXPECT_THAT(text, HasSubstr("\nnot ok 6 a/open.trace seed=7 det\n"));
  EXPECT_THAT(text, HasSubstr("\nnot ok 7 verdict\n"));
}

// A run whose traces all passed; only the boot, or the floors, speak against it.
RunReport all_passed() {
  RunReport report = sample_report();
  for (TraceResult& trace : report.traces) trace.verdict = TraceVerdict::Passed;
  report.findings.erase(report.findings.begin() + 1, report.findings.end());
  report.findings[0].is_of_a_trace = false;
  report.findings[0].classified.finding.signature = {"splat:BUG", "", "", "dm_init"};
  return report;
}

TEST(Ktap, WhatBelongsToNoTraceAndTheVerdictAreTestPoints) {
  RunReport report = all_passed();
  const std::string text = to_ktap(report);
  EXPECT_THAT(text, HasSubstr("\n1..8\n"));
  EXPECT_THAT(text, HasSubstr("\nnot ok 7 boot 0 splat:BUG/-/-/dm_init det\n"));
  EXPECT_THAT(text, HasSubstr("\nnot ok 8 verdict\n"));
  report.findings.clear();
  report.status = ExitStatus::NotJudged;
  EXPECT_THAT(to_ktap(report), HasSubstr("\nnot ok 7 verdict\n"));
  report.status = ExitStatus::Passed;
  EXPECT_THAT(to_ktap(report), HasSubstr("\nok 7 verdict\n"));
}

TEST(Junit, WhatBelongsToNoTraceAndTheVerdictAreTests) {
  RunReport report = all_passed();
  const auto attribute = [](const RunReport& of, const char* name) {
    pugi::xml_document document;
    EXPECT_TRUE(document.load_string(to_junit(of).c_str()));
    return document.child("testsuites").attribute(name).as_int();
  };
  EXPECT_EQ(attribute(report, "tests"), 8);
  EXPECT_EQ(attribute(report, "failures"), 2);
  report.findings.clear();
  report.status = ExitStatus::NotJudged;
  EXPECT_EQ(attribute(report, "failures"), 0);
  EXPECT_EQ(attribute(report, "errors"), 1);
  report.status = ExitStatus::Passed;
  EXPECT_EQ(attribute(report, "tests"), 7);
  EXPECT_EQ(attribute(report, "errors"), 0);
}

TEST(Ktap, AReasonNeverBecomesADirectiveOrALine) {
  RunReport report = sample_report();
  report.traces[4].reason = "lacks # SKIP\nok 7 forged";
  const std::string text = to_ktap(report);
  EXPECT_THAT(text, Not(HasSubstr("\nok 7")));
  EXPECT_THAT(text, HasSubstr("# SKIP lacks   SKIP ok 7 forged\n"));
}

TEST(Junit, CountsWhatItHolds) {
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(to_junit(sample_report()).c_str()));
  const pugi::xml_node suite = document.child("testsuites").child("testsuite");
  EXPECT_EQ(suite.attribute("tests").as_int(), 7);
  EXPECT_EQ(suite.attribute("failures").as_int(), 2);
  EXPECT_EQ(suite.attribute("errors").as_int(), 1);
  EXPECT_EQ(suite.attribute("skipped").as_int(), 3);
  const std::string failure = suite.find_child_by_attribute("name", "a/fails.trace seed=7")
                                  .child("failure")
                                  .text()
                                  .as_string();
  EXPECT_THAT(failure, HasSubstr("R65/snapshot/read"));
  EXPECT_THAT(failure, HasSubstr("<new> data & more"));
}

TEST(Junit, ARunWithoutVerdictIsAnError) {
  RunReport report;
  report.status = ExitStatus::NotJudged;
  report.troubles = {"qemu-system-x86_64 is not there"};
  pugi::xml_document document;
  ASSERT_TRUE(document.load_string(to_junit(report).c_str()));
  const pugi::xml_node suite = document.child("testsuites").child("testsuite");
  EXPECT_EQ(suite.attribute("errors").as_int(), 1);
  EXPECT_THAT(suite.child("testcase").child("error").attribute("message").as_string(),
              HasSubstr("qemu-system-x86_64"));
}

TEST(Text, ViolationsComeFirstAndTheVerdictLast) {
  const std::string text = verdict_block(sample_report());
  EXPECT_LT(text.find("VIOLATION"), text.find("hazard  R74"));
  EXPECT_LT(text.find("hazard  R74"), text.find("known  hang/era"));
  EXPECT_THAT(text, HasSubstr("sector 8: seen op3@8, legal 0"));
  EXPECT_THAT(text, HasSubstr("LOW copy-outs"));
  EXPECT_THAT(text, HasSubstr("perform_rpc+0x1/0x2"));
  EXPECT_THAT(text, testing::EndsWith("the kernel is wrong: 1 violation (status 1)\n"));
}

TEST(Text, AnEntryThatMatchedNothingIsPointedOut) {
  const std::string text = verdict_block(sample_report());
  EXPECT_THAT(text, HasSubstr("R99/*/*/* matched nothing: a/passes.trace was played"));
  EXPECT_THAT(text, HasSubstr("R98/*/*/* matched nothing: b/elsewhere.trace is not in"));
}

TEST(Text, LongMessagesAreWrappedAtBlanks) {
  RunReport report = sample_report();
  std::string message;
  for (int i = 0; i < 60; ++i) message += "word ";
  report.findings[0].classified.finding.message = message + std::string(200, 'x');
  const std::string text = report_text(report);
  EXPECT_THAT(text, HasSubstr("word\n      word"));
  EXPECT_THAT(text, HasSubstr("\n      " + std::string(200, 'x') + "\n"));
}

TEST(Text, WhatWasNotPlayedIsListedWithItsReason) {
  EXPECT_THAT(report_text(sample_report()),
              HasSubstr("the guest lacks probe\n      a/lacks.trace"));
}

TEST(Text, AStrictHazardIsShownAsFailing) {
  RunReport report = sample_report();
  report.strict = true;
  EXPECT_THAT(verdict_block(report), HasSubstr("HAZARD  R74"));
  EXPECT_THAT(verdict_sentence(report), HasSubstr("1 violation, 1 hazard"));
}

TEST(Floor, AShareOfNothingIsBelowAnyBound) {
  EXPECT_FALSE((Floor{"share", 0, 0, 0, true}.held()));
  EXPECT_TRUE((Floor{"share", 1, 2, 50, true}.held()));
  EXPECT_FALSE((Floor{"share", 49, 100, 50, true}.held()));
  EXPECT_TRUE((Floor{"count", 3, 0, 3, false}.held()));
}

}  // namespace
}  // namespace bioscope
