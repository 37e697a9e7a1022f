// SPDX-License-Identifier: Apache-2.0
// bioscope shrink on Debian's stock kernel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "harness/cli/testing/command.h"
#include "harness/cli/traces.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ShrinkTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "bioscope-shrink-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  CommandEnd shrink(std::vector<std::string> arguments, CommandSetting setting = {}) {
    arguments.insert(arguments.begin(), "shrink");
    setting.directory = folder_;
    return run_bioscope(arguments, setting);
  }

  static std::string suite_trace(const std::string& name) {
    return (fs::path(BIOSCOPE_SOURCE_DIR) / "suites" / name).string();
  }

  fs::path folder_;
};

TEST_F(ShrinkTest, TheHazardOfCaseANeedsNeitherTheFirstWriteNorTheStatus) {
  const fs::path out = folder_ / "small.trace";
  const CommandEnd end = shrink({suite_trace("cases/case-a-snapshot-without-suspend.trace"),
                                 "--candidates", "64", "--out", out.string()});
  ASSERT_EQ(end.status, 0) << end.err;
  EXPECT_EQ(end.out, "");
  EXPECT_THAT(end.err, HasSubstr("shows R74/snapshot/read"));
  EXPECT_THAT(end.err, HasSubstr("R74/snapshot/read: 10 operations became 8 after 64 candidates"));
  const auto trace = read_trace(out);
  ASSERT_TRUE(trace.has_value()) << trace.error().message;
  EXPECT_EQ(operation_count(*trace), 8U) << print_trace(*trace);
}

TEST_F(ShrinkTest, WhatIsRightOnTheKernelCannotBeShrunk) {
  const CommandEnd end =
      shrink({suite_trace("cases/case-b-snapshot-with-suspend.trace"), "--on", "kernel"});
  EXPECT_EQ(end.status, 2);
  EXPECT_EQ(end.out, "");
  EXPECT_THAT(end.err, HasSubstr("nothing to shrink: case-b-snapshot-with-suspend.trace shows no"));
}

TEST_F(ShrinkTest, AnInterruptLeavesTheBestSoFar) {
  CommandSetting setting;
  setting.until = "operations left";
  setting.then = [](pid_t pid) { ::kill(pid, SIGINT); };
  const CommandEnd end =
      shrink({suite_trace("cases/case-a-snapshot-without-suspend.trace")}, setting);
  EXPECT_EQ(end.status, 130) << end.err;
  const auto trace = parse_trace(end.out, "output");
  ASSERT_TRUE(trace.has_value()) << trace.error().message;
  EXPECT_EQ(operation_count(*trace), 8U) << end.out;
}

}  // namespace
}  // namespace bioscope
