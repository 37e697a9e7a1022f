// SPDX-License-Identifier: Apache-2.0
// A guest that goes wrong before its agent can say anything: the gate could not judge, says so in a
// sentence, counts nothing as passed and leaves nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/cli/testing/command.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class BadGuestTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "bioscope-guest-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    fs::create_directories(folder_ / "tmp");
    fs::create_directories(folder_ / "bin");
    fs::copy_file(BIOSCOPE_PROGRAM, folder_ / "bin/bioscope");
    fs::create_directory_symlink(fs::path(BIOSCOPE_SOURCE_DIR) / "suites", folder_ / "suites");
  }
  void TearDown() override {
    EXPECT_TRUE(fs::is_empty(folder_ / "tmp"));
    fs::remove_all(folder_);
  }

  // The gate with `guest` in the place of the agent. Expects status 3 and nothing passed.
  std::string gate_with(const fs::path& guest) {
    fs::copy_file(guest, folder_ / "bin/bioscope-agent");
    std::ofstream(folder_ / "one.suite") << "profile det\ntrace case.trace\n";
    fs::copy_file(fs::path(BIOSCOPE_SOURCE_DIR) / "suites/cases/case-b-snapshot-with-suspend.trace",
                  folder_ / "case.trace");
    CommandSetting setting;
    setting.program = folder_ / "bin/bioscope";
    setting.directory = folder_;
    setting.environment["TMPDIR"] = (folder_ / "tmp").string();
    const CommandEnd end = run_bioscope({"gate", "--out", (folder_ / "out").string(), "--suite",
                                         (folder_ / "one.suite").string(), "--allow-unexercised"},
                                        setting);
    EXPECT_EQ(end.status, 3) << end.out << end.err;
    const auto results = nlohmann::json::parse(std::ifstream(folder_ / "out/results.json"));
    EXPECT_EQ(results.at("status"), 3);
    EXPECT_THAT(end.out, Not(HasSubstr("1 passed")));
    EXPECT_THAT(end.out, HasSubstr("could not judge"));
    return end.out;
  }

  fs::path folder_;
};

TEST_F(BadGuestTest, APanicAtBootCouldNotBeJudged) {
  EXPECT_THAT(gate_with(BAD_GUEST_PANICS), HasSubstr("panic"));
}

TEST_F(BadGuestTest, GarbageCouldNotBeJudged) {
  EXPECT_THAT(gate_with(BAD_GUEST_GARBAGE), HasSubstr("garbage"));
}

TEST_F(BadGuestTest, SilenceCouldNotBeJudged) {
  EXPECT_THAT(gate_with(BAD_GUEST_SILENT), HasSubstr("agent"));
}

}  // namespace
}  // namespace bioscope
