// SPDX-License-Identifier: Apache-2.0
#include "harness/cli/traces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace bioscope {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class TracesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "bioscope-traces-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path put(const std::string& name, std::string_view text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  fs::path folder_;
};

TEST_F(TracesTest, AMalformedTraceHasLineAndColumn) {
  const fs::path path = put("bad.trace", "bioscope-trace 1\nseed 1\ndisk d0 null size=oops\n");
  const auto trace = read_trace(path);
  ASSERT_FALSE(trace.has_value());
  EXPECT_EQ(trace.error().kind, ErrorKind::BadInput);
  EXPECT_THAT(trace.error().message, HasSubstr(path.string() + ":3:"));
  EXPECT_THAT(trace.error().message, HasSubstr("expected"));
}

TEST_F(TracesTest, ASuiteFileFindsTheTracesBesideIt) {
  put("a/one.trace", "bioscope-trace 1\nseed 1\ndisk d0 null size=16\nlane A\n  flush d0\n");
  const fs::path path = put("mine.suite", "profile det\ntrace a/*\n");
  const auto suite = load_suite(path.string(), "suites");
  ASSERT_TRUE(suite.has_value()) << suite.error().message;
  EXPECT_EQ(suite->name, "mine");
  ASSERT_EQ(suite->entries.size(), 1U);
  EXPECT_EQ(suite->entries[0].planned.path, "a/one.trace");
}

TEST_F(TracesTest, AnUnknownSuiteNamesThoseThatAreThere) {
  const auto suite = load_suite("speedy", "suites");
  ASSERT_FALSE(suite.has_value());
  EXPECT_EQ(suite.error().kind, ErrorKind::BadInput);
  EXPECT_THAT(suite.error().message, HasSubstr("quick, smoke"));
}

TEST_F(TracesTest, EverySuiteOfTheProjectIsRead) {
  for (const char* name : {"smoke", "quick", "full"}) {
    const auto suite = load_suite(name, "suites");
    ASSERT_TRUE(suite.has_value()) << suite.error().message;
    EXPECT_FALSE(suite->entries.empty());
  }
}

}  // namespace
}  // namespace bioscope
