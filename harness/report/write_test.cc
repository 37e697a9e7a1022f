// SPDX-License-Identifier: Apache-2.0
#include "harness/report/write.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "harness/report/sample_report.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class WriteTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "bioscope-write-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string read(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  fs::path folder_;
};

TEST_F(WriteTest, EveryFileOfTheContractIsThere) {
  const RunReport report = sample_report();
  const Bundle bundle = sample_bundle(report);
  const fs::path out = folder_ / "a" / "out";
  ASSERT_TRUE(prepare_out(out).has_value());
  ASSERT_TRUE(write_reports(report, std::span(&bundle, 1), {"bioscope", "", ""}, out).has_value());
  for (const char* name :
       {"results.json", "results.ktap", "junit.xml", "report.txt", "console.log"}) {
    EXPECT_GT(fs::file_size(out / name), 0U) << name;
  }
  EXPECT_THAT(read(out / "console.log"), HasSubstr("==== boot 0 profile det"));
  const fs::path script = out / "repro" / bundle.finding.id / "run.sh";
  EXPECT_EQ(::access(script.c_str(), X_OK), 0);
}

TEST_F(WriteTest, AnEarlierRunsFilesGoAndOthersStay) {
  ASSERT_TRUE(prepare_out(folder_).has_value());
  fs::create_directories(folder_ / "repro" / "old");
  std::ofstream(folder_ / "results.json") << "old";
  std::ofstream(folder_ / "notes.txt") << "mine";
  ASSERT_TRUE(prepare_out(folder_).has_value());
  EXPECT_FALSE(fs::exists(folder_ / "repro"));
  EXPECT_FALSE(fs::exists(folder_ / "results.json"));
  EXPECT_TRUE(fs::exists(folder_ / "notes.txt"));
}

TEST_F(WriteTest, AFolderThatCannotBeMadeIsOneSentence) {
  std::ofstream(folder_ / "file") << "in the way";
  const auto prepared = prepare_out(folder_ / "file" / "out");
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().kind, ErrorKind::CouldNotJudge);
  EXPECT_THAT(prepared.error().message, HasSubstr("--out"));
}

TEST_F(WriteTest, AFileThatDoesNotFitIsTakenAway) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 100;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = write_whole_file(folder_ / "big", std::string(1000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::CouldNotJudge);
  EXPECT_FALSE(fs::exists(folder_ / "big"));
}

}  // namespace
}  // namespace bioscope
