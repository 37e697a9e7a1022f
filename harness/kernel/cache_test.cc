// SPDX-License-Identifier: Apache-2.0
#include "harness/kernel/cache.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/kernel/command.h"
#include "harness/kernel/testing/made_files.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;

Result<void> fill_with_file(const fs::path& folder) {
  std::ofstream(folder / "file") << "contents";
  return {};
}

TEST(Cache, AFilledFolderIsNotFilledAgain) {
  const ScratchFolder scratch;
  const fs::path entry = scratch.path() / "a/b";
  ASSERT_EQ(cached_folder(entry, fill_with_file).value(), entry);
  const auto refuse = [](const fs::path&) -> Result<void> { return could_not_judge("again"); };
  EXPECT_TRUE(cached_folder(entry, refuse));
  EXPECT_TRUE(fs::exists(entry / "file"));
}

TEST(Cache, AFailureLeavesNothingAndIsPassedOn) {
  const ScratchFolder scratch;
  const fs::path entry = scratch.path() / "a/b";
  const auto fail = [](const fs::path& folder) -> Result<void> {
    std::ofstream(folder / "half") << "half";
    return could_not_judge("no room");
  };
  const Result<fs::path> filled = cached_folder(entry, fail);
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().message, "no room");
  EXPECT_TRUE(fs::is_empty(scratch.path() / "a"));
}

TEST(Cache, TheOneThatComesSecondTakesWhatIsThere) {
  const ScratchFolder scratch;
  const fs::path entry = scratch.path() / "a/b";
  const auto overtaken = [&entry](const fs::path& folder) -> Result<void> {
    EXPECT_TRUE(cached_folder(entry, fill_with_file));
    return fill_with_file(folder);
  };
  ASSERT_TRUE(cached_folder(entry, overtaken));
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch.path() / "a"), fs::directory_iterator()),
            1);
}

TEST(Cache, WhatAKilledProcessLeftIsSweptAndWhatALivingOneFillsIsKept) {
  const ScratchFolder scratch;
  const pid_t dead = fork();
  if (dead == 0) _exit(0);
  ASSERT_EQ(waitpid(dead, nullptr, 0), dead);
  scratch.write("a/.fill-" + std::to_string(dead) + "-abcdef/half", "");
  scratch.write("a/.fill-" + std::to_string(getppid()) + "-abcdef/half", "");
  ASSERT_TRUE(cached_folder(scratch.path() / "a/b", fill_with_file));
  EXPECT_FALSE(fs::exists(scratch.path() / ("a/.fill-" + std::to_string(dead) + "-abcdef")));
  EXPECT_TRUE(fs::exists(scratch.path() / ("a/.fill-" + std::to_string(getppid()) + "-abcdef")));
}

TEST(Command, GivesStatusAndBothOutputs) {
  const Result<CommandOutput> output =
      run_command({"sh", "-c", "echo out; echo err >&2; pwd; exit 7"}, "/");
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->status, 7);
  EXPECT_EQ(output->out, "out\n/\n");
  EXPECT_EQ(output->err, "err\n");
}

TEST(Command, SaysWhichSignalEndedTheProgram) {
  EXPECT_EQ(run_command({"sh", "-c", "kill -9 $$"})->status, 128 + 9);
}

TEST(Command, DoesNotBlockOnMuchOutput) {
  const Result<CommandOutput> output =
      run_command({"sh", "-c", "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero"});
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out.size(), 300000U);
  EXPECT_EQ(output->err.size(), 300000U);
}

TEST(Command, AMissingProgramIsNamed) {
  const Result<CommandOutput> output = run_command({"no-such-program-anywhere"});
  ASSERT_FALSE(output);
  EXPECT_NE(output.error().message.find("no-such-program-anywhere"), std::string::npos);
}

}  // namespace
}  // namespace bioscope
