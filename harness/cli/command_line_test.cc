// SPDX-License-Identifier: Apache-2.0
#include "harness/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <vector>

namespace bioscope {
namespace {

using testing::HasSubstr;

struct Said {
  int status = 0;
  std::string out;
  std::string err;
};

Said say(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "bioscope");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Said said;
  said.status = run_command_line(static_cast<int>(arguments.size()), arguments.data());
  std::fflush(stdout);
  said.out = testing::internal::GetCapturedStdout();
  said.err = testing::internal::GetCapturedStderr();
  return said;
}

TEST(CommandLine, BadUsageIsTwoAndOneSentence) {
  for (const std::vector<const char*>& arguments : {std::vector<const char*>{},
                                                    {"dance"},
                                                    {"gate", "--seed", "many"},
                                                    {"gate", "--profile", "fast"},
                                                    {"gate", "--nothing"},
                                                    {"run"},
                                                    {"shrink"},
                                                    {"shrink", "t", "--candidates", "few"},
                                                    {"gate", "--jobs", "0"}}) {
    const Said said = say(arguments);
    EXPECT_EQ(said.status, 2);
    EXPECT_THAT(said.err, HasSubstr("bioscope: "));
    EXPECT_EQ(std::count(said.err.begin(), said.err.end(), '\n'), 1) << said.err;
  }
}

TEST(CommandLine, HelpIsZero) {
  const Said said = say({"gate", "--help"});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.out, HasSubstr("--allow-unexercised"));
}

TEST(CommandLine, RulesAreATable) {
  const Said said = say({"rules", "--markdown"});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.out, HasSubstr("| rule | what it says | source | scope |"));
  EXPECT_THAT(said.out, HasSubstr("| R74 |"));
}

TEST(CommandLine, CoveredTakesOnlyResults) {
  const Said said = say({"rules", "--covered", "/dev/null"});
  EXPECT_EQ(said.status, 2);
  EXPECT_THAT(said.err, HasSubstr("is no results.json"));
}

TEST(CommandLine, AMissingTraceIsTwo) {
  const Said said = say({"run", "/nonexistent.trace", "--on", "spec"});
  EXPECT_EQ(said.status, 2);
  EXPECT_THAT(said.err, HasSubstr("/nonexistent.trace cannot be read"));
}

TEST(CommandLine, ATraceWithoutAFindingCannotBeShrunk) {
  const std::string trace = testing::TempDir() + "right.trace";
  std::ofstream(trace) << "bioscope-trace 1\ndisk d0 null size=64\nlane A\n  write d0 0+8\n";
  const Said said = say({"shrink", trace.c_str(), "--on", "spec"});
  EXPECT_EQ(said.status, 2);
  EXPECT_EQ(said.out, "");
  EXPECT_EQ(said.err, "bioscope: nothing to shrink: right.trace shows no finding\n");
  const Said bundle = say({"shrink", testing::TempDir().c_str(), "--on", "spec"});
  EXPECT_EQ(bundle.status, 2);
  EXPECT_THAT(bundle.err, HasSubstr("trace.trace cannot be read"));
}

}  // namespace
}  // namespace bioscope
