// SPDX-License-Identifier: Apache-2.0
#include "harness/report/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/report/sample_report.h"

namespace bioscope {
namespace {

using testing::HasSubstr;

TEST(Bundle, HoldsAllThatShowsItAgain) {
  const RunReport report = sample_report();
  const auto files = bundle_files(report, sample_bundle(report),
                                  {"/opt/bio scope/bioscope", "/boot/it's", "/modules"});
  EXPECT_EQ(files.at("trace.trace"), "bioscope-trace 1\n");
  EXPECT_THAT(files.at("finding.json"), HasSubstr("R65/snapshot/read"));
  EXPECT_THAT(files.at("machine.txt"), HasSubstr("qemu-system-x86_64 -M q35"));
  EXPECT_THAT(files.at("machine.txt"), HasSubstr(Hash::of("initramfs").hex()));
  const std::string script = files.at("run.sh");
  EXPECT_THAT(script, HasSubstr("run trace.trace --on kernel --profile det --seed 7"));
  EXPECT_THAT(script, HasSubstr("bioscope='/opt/bio scope/bioscope'"));
  EXPECT_THAT(script, HasSubstr("--kernel '/boot/it'\\''s' --modules '/modules'"));
}

TEST(Bundle, TheScriptSaysWhichStatusToExpect) {
  const RunReport report = sample_report();
  const auto script_of = [&](const FindingReport& finding) {
    return bundle_files(report, {finding, "", "", ""}, {"b", "", ""}).at("run.sh");
  };
  EXPECT_THAT(script_of(report.findings[0]), HasSubstr("status 1 when it does.\n"));
  EXPECT_THAT(script_of(report.findings[2]), HasSubstr("status 1 when it does, though it is a kn"));
  FindingReport open = report.findings[0];
  open.classified.finding_class = FindingClass::NotJudged;
  EXPECT_THAT(script_of(open), HasSubstr("status 3 when it does"));
}

TEST(Bundle, WithoutATraceThereIsNoScript) {
  const RunReport report = sample_report();
  Bundle bundle = sample_bundle(report);
  bundle.finding.is_of_a_trace = false;
  const auto files = bundle_files(report, bundle, {"b", "", ""});
  EXPECT_FALSE(files.contains("run.sh"));
  EXPECT_FALSE(files.contains("trace.trace"));
  EXPECT_TRUE(files.contains("console.log"));
}

TEST(Bundle, WhatWasCalledUpFromOutsideHasItsOwnFile) {
  const RunReport report = sample_report();
  Bundle bundle = sample_bundle(report);
  EXPECT_FALSE(bundle_files(report, bundle, {}).contains("evidence.log"));
  bundle.evidence = "sysrq: Show State\n";
  const auto files = bundle_files(report, bundle, {});
  EXPECT_EQ(files.at("evidence.log"), "sysrq: Show State\n");
  EXPECT_EQ(files.at("console.log"), "Linux version\n");
}

TEST(Bundle, IdsAreFolderNamesAndDiffer) {
  Finding finding;
  finding.trace_name = "a/../b c.trace";
  finding.signature = {"R65", "snapshot", "read", ""};
  finding.seed = 7;
  EXPECT_EQ(bundle_id(finding, "det"), "a-..-b-c.trace.R65-snapshot-read.det.7");
  EXPECT_NE(bundle_id(finding, "det"), bundle_id(finding, "smp"));
  finding.signature.place = std::string(300, 'x');
  const std::string one = bundle_id(finding, "det");
  finding.signature.place += "y";
  EXPECT_LE(one.size(), 120U);
  EXPECT_NE(one, bundle_id(finding, "det"));
}

}  // namespace
}  // namespace bioscope
