// SPDX-License-Identifier: Apache-2.0
// Boots guests that end in every way a guest can end. Each must be told from the others, and none
// may leave a process or a file behind.
#include "harness/vm/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/kernel/fetch.h"
#include "harness/kernel/image.h"
#include "harness/vm/initramfs.h"
#include "harness/vm/splat.h"

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
  const ConsoleScan scan = scan_console(report.console, {.today = "2026-01-01"});
  EXPECT_TRUE(scan.judged) << scan.why_not;
  for (const Splat& splat : scan.splats) ADD_FAILURE() << splat.category << ": " << splat.headline;
  RecordProperty("boot_ms", static_cast<int>(report.boot_ms));
  RecordProperty("wall_ms", static_cast<int>(report.wall_ms));
}

// The same from one boot: instructions are counted, so the clock is too.
TEST_F(MachineTest, ProfileDetRepeatsToTheBit) {
  const MachineReport first = run(config("measure"));
  const std::string first_heard = heard_;
  ASSERT_EQ(first.end, MachineEnd::Finished) << first.sentence;
  const MachineReport second = run(config("measure"));
  EXPECT_EQ(heard_, first_heard);
  EXPECT_EQ(second.console, first.console);
}

TEST_F(MachineTest, ManyBytesComeThroughTheWindow) {
  const MachineReport first = run(config("window"));
  const std::string first_heard = heard_;
  ASSERT_EQ(first.end, MachineEnd::Finished) << first.sentence << first.console;
  EXPECT_TRUE(heard_.starts_with("hello\n" + std::string(65536, 'x') + "bioscope: at "));
  EXPECT_TRUE(heard_.ends_with("bye\n"));
  const MachineReport second = run(config("window"));
  EXPECT_EQ(heard_, first_heard);
  EXPECT_EQ(second.console, first.console);
}

TEST_F(MachineTest, APanicAtBootIsAPanic) {
  MachineConfig without_init = config("good");
  without_init.kernel_arguments = {"rdinit=/nothing"};
  const MachineReport report = run(without_init);
  EXPECT_EQ(report.end, MachineEnd::Panic) << report.sentence;
  EXPECT_FALSE(report.agent_spoke);
  EXPECT_NE(scan_console(report.console, {.today = "2026-01-01"}).first_unallowed(), nullptr);
}

TEST_F(MachineTest, ACrashUnderATraceIsAPanicAndBelongsToTheTrace) {
  const MachineReport report = run(config("crashes"));
  EXPECT_EQ(report.end, MachineEnd::Panic) << report.sentence;
  EXPECT_TRUE(report.agent_spoke);
  const ConsoleScan scan = scan_console(report.console, {.today = "2026-01-01"});
  ASSERT_NE(scan.first_unallowed(), nullptr);
  EXPECT_EQ(scan.first_unallowed()->trace, "first");
}

TEST_F(MachineTest, AnAgentThatEndsIsToldFromAPanic) {
  const MachineReport report = run(config("dies"));
  EXPECT_EQ(report.end, MachineEnd::AgentDied) << report.sentence;
}

TEST_F(MachineTest, AGuestThatLeavesBeforeItsAgentIsDoneIsNotFinished) {
  const MachineReport report = run(config("leaves"));
  EXPECT_EQ(report.end, MachineEnd::PoweredOff) << report.sentence;
}

TEST_F(MachineTest, NoiseOnTheConsoleIsNoAgent) {
  const MachineReport report = run(config("noise"), {.boot_ms = 9000, .silence_ms = 4000});
  EXPECT_EQ(report.end, MachineEnd::EarlyBootHang) << report.sentence;
  EXPECT_THAT(report.sentence, HasSubstr("did not reach its agent"));
}

TEST_F(MachineTest, GarbageOnTheChannelIsRefused) {
  const MachineReport report = run(config("garbage"));
  EXPECT_EQ(report.end, MachineEnd::Refused) << report.sentence;
}

TEST_F(MachineTest, ASleepingGuestIsSilentAndItsTasksAreShown) {
  const MachineReport report = run(config("sleeps"), {.silence_ms = 3000});
  EXPECT_EQ(report.end, MachineEnd::Silence) << report.sentence;
  EXPECT_THAT(report.sentence, Not(HasSubstr(" ms")));
  EXPECT_THAT(report.evidence, HasSubstr("sysrq: Show Blocked State"));
  EXPECT_THAT(report.evidence, HasSubstr("sysrq: Show State"));
  EXPECT_THAT(report.evidence, HasSubstr("task:init"));
  EXPECT_THAT(report.console, Not(HasSubstr("sysrq: Show")));
}

TEST_F(MachineTest, ASpinningGuestIsSilent) {
  const MachineReport report = run(config("spins"), {.silence_ms = 3000});
  EXPECT_EQ(report.end, MachineEnd::Silence) << report.sentence;
  EXPECT_THAT(report.evidence, HasSubstr("RIP="));
  EXPECT_THAT(report.evidence, HasSubstr("sysrq: Show State"));
}

TEST_F(MachineTest, AFloodIsEnded) {
  const MachineReport report = run(config("floods"), {.console_bytes_max = 100'000});
  EXPECT_EQ(report.end, MachineEnd::Flood) << report.sentence;
}

TEST_F(MachineTest, AKernelThatPrintsNothingIsToldFromOneThatHangs) {
  MachineConfig mute = config("good");
  // The setup code is sound, what it would unpack is not.
  std::string bytes = read_whole_file(mute.kernel.bzimage).value();
  std::fill(bytes.begin() + 65536, bytes.end(), '\0');
  const fs::path file = temporary_ / "mute";
  std::ofstream(file, std::ios::binary) << bytes;
  mute.kernel.boot_image = file;
  const MachineReport report = run(mute, {.boot_ms = 3000, .silence_ms = 3000});
  fs::remove(file);
  EXPECT_EQ(report.end, MachineEnd::NoOutput) << report.sentence << report.console;
}

TEST_F(MachineTest, AQemuThatIsKilledFromOutsideHasDied) {
  MachineListener listener;
  listener.channel = [](std::string_view) {
    for (const pid_t pid : children()) kill(pid, SIGTERM);
    return ChannelState::Open;
  };
  const Result<MachineReport> report = run_machine(config("sleeps"), {}, listener);
  ASSERT_TRUE(report);
  // QEMU handles SIGTERM and leaves with status 0; SIGKILL it cannot handle.
  EXPECT_EQ(report->end, MachineEnd::PoweredOff) << report->sentence;

  listener.channel = [](std::string_view) {
    for (const pid_t pid : children()) kill(pid, SIGKILL);
    return ChannelState::Open;
  };
  const Result<MachineReport> killed = run_machine(config("sleeps"), {}, listener);
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->end, MachineEnd::QemuDied) << killed->sentence;
  EXPECT_THAT(killed->sentence, HasSubstr("killed by signal 9"));
}

TEST_F(MachineTest, AQemuThatDoesNotLikeItsArgumentsHasDied) {
  MachineConfig no_kernel = config("good");
  no_kernel.kernel.boot_image = "/nonexistent/kernel";
  const MachineReport report = run(no_kernel);
  EXPECT_EQ(report.end, MachineEnd::QemuDied) << report.sentence;
  EXPECT_THAT(report.sentence, HasSubstr("could not open kernel file"));
}

TEST_F(MachineTest, AMissingQemuIsNamed) {
  MachineConfig no_qemu = config("good");
  no_qemu.qemu = "qemu-that-nobody-has";
  const MachineReport report = run(no_qemu);
  EXPECT_EQ(report.end, MachineEnd::QemuMissing);
  EXPECT_THAT(report.sentence, HasSubstr("qemu-that-nobody-has"));
}

TEST_F(MachineTest, AnInterruptEndsTheGuest) {
  Interrupt interrupt;
  MachineListener listener;
  listener.channel = [&interrupt](std::string_view) {
    interrupt.raise();
    return ChannelState::Open;
  };
  const Result<MachineReport> report = run_machine(config("sleeps"), {}, listener, &interrupt);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->end, MachineEnd::Interrupted);
}

TEST_F(MachineTest, QemuDiesWithBioscope) {
  const MachineConfig sleeping = config("sleeps");
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t bioscope = fork();
  if (bioscope == 0) {
    MachineListener listener;
    listener.channel = [&told](std::string_view) {
      const pid_t qemu = children().at(0);
      if (write(told[1], &qemu, sizeof qemu) != sizeof qemu) _exit(2);
      return ChannelState::Open;
    };
    _exit(run_machine(sleeping, {}, listener) ? 0 : 1);
  }
  pid_t qemu = -1;
  ASSERT_EQ(read(told[0], &qemu, sizeof qemu), static_cast<ssize_t>(sizeof qemu));
  const int qemu_fd = static_cast<int>(syscall(SYS_pidfd_open, qemu, 0));
  ASSERT_GE(qemu_fd, 0);
  kill(bioscope, SIGKILL);
  waitpid(bioscope, nullptr, 0);
  pollfd gone{qemu_fd, POLLIN, 0};
  EXPECT_EQ(poll(&gone, 1, 30'000), 1) << "QEMU outlived the process that started it";
  for (const int fd : {qemu_fd, told[0], told[1]}) close(fd);
}

TEST_F(MachineTest, ProfileSmpBootsWithOrWithoutKvm) {
  std::vector<std::string> said;
  MachineConfig smp = config("good", Profile::Smp);
  smp.accelerator =
      choose_accelerator(smp, [&said](std::string_view line) { said.emplace_back(line); });
  EXPECT_EQ(said.size(), smp.accelerator == Accelerator::Kvm ? 0U : 1U);
  const MachineReport report = run(smp);
  EXPECT_EQ(report.end, MachineEnd::Finished) << report.sentence;
  EXPECT_THAT(report.console, HasSubstr("smp: Brought up 1 node, 2 CPUs"));
}

}  // namespace
}  // namespace bioscope
