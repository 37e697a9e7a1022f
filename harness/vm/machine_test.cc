// SPDX-License-Identifier: Apache-2.0
// Boots guests that end in every way a guest can end. Each must be told from the others, and none
// may leave a process or a file behind.
#include "harness/vm/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/kernel/fetch.h"
#include "harness/kernel/image.h"
#include "harness/vm/initramfs.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<pid_t> children() {
  std::vector<pid_t> pids;
  for (const fs::directory_entry& task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream list(task.path() / "children");
    for (pid_t pid = 0; list >> pid;) pids.push_back(pid);
  }
  return pids;
}

const Kernel& debian_kernel() {
  static const Result<Kernel> kernel = fetch_debian_kernel();
  if (!kernel) {
    ADD_FAILURE() << kernel.error().message;
    std::abort();
  }
  return *kernel;
}

class MachineTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (fs::temp_directory_path() / "machine-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    temporary_ = folder;
    setenv("TMPDIR", temporary_.c_str(), 1);
  }

  void TearDown() override {
    unsetenv("TMPDIR");
    EXPECT_THAT(children(), IsEmpty());
    EXPECT_TRUE(fs::is_empty(temporary_));
    fs::remove_all(temporary_);
  }

  static MachineConfig config(const std::string& mode, Profile profile = Profile::Det) {
    MachineConfig config;
    config.profile = profile;
    config.kernel = debian_kernel();
    Initramfs initramfs;
    EXPECT_TRUE(initramfs.add_executable("/init", HARNESS_VM_TEST_GUEST));
    initramfs.add_bytes("/mode", mode);
    config.initramfs = initramfs.build().value() + Initramfs::build_traces({}).value();
    return config;
  }

  // "bye" is the end; bytes outside of ASCII are no message.
  MachineListener listener() {
    MachineListener listener;
    listener.channel = [this](std::string_view bytes) {
      heard_ += bytes;
      for (const char c : bytes) {
        if (static_cast<unsigned char>(c) >= 0x80) return ChannelState::Refused;
      }
      return heard_.ends_with("bye\n") ? ChannelState::Done : ChannelState::Open;
    };
    return listener;
  }

  MachineReport run(const MachineConfig& config, const MachineLimits& limits = {}) {
    heard_.clear();
    Result<MachineReport> report = run_machine(config, limits, listener());
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : MachineReport();
  }

  std::string heard_;
  fs::path temporary_;
};

TEST_F(MachineTest, AGuestThatIsDoneIsFinished) {
  const MachineReport report = run(config("good"));
  EXPECT_EQ(report.end, MachineEnd::Finished) << report.sentence << report.console;
  EXPECT_EQ(heard_, "hello\nbye\n");
  EXPECT_THAT(report.console, HasSubstr("bioscope: trace first begin"));
  EXPECT_THAT(report.sentence, IsEmpty());
  EXPECT_THAT(report.evidence, IsEmpty());
  RecordProperty("boot_ms", static_cast<int>(report.boot_ms));
  RecordProperty("wall_ms", static_cast<int>(report.wall_ms));
}

}  // namespace
}  // namespace bioscope
