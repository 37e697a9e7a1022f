// SPDX-License-Identifier: Apache-2.0
// The sentences of docs/GATE.md, shown by the command itself on Debian's stock kernel.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "harness/cli/testing/command.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

std::string contents_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class GateTest : public testing::Test {
 protected:
  void SetUp() override {
    // Whatever outlives the command becomes a child of this process.
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    std::string pattern = testing::TempDir() + "bioscope-gate-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    fs::create_directories(folder_ / "tmp");
  }
  void TearDown() override {
    // Nothing is left behind, however the command ended.
    EXPECT_TRUE(fs::is_empty(folder_ / "tmp"));
    pid_t left = 0;
    while ((left = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    EXPECT_TRUE(left < 0 && errno == ECHILD) << "a process was left behind";
    fs::remove_all(folder_);
  }

  // A suite of traces that are copied from the project's own.
  fs::path suite_of(const std::vector<std::string>& traces) {
    std::string text = "profile det\n";
    for (const std::string& trace : traces) {
      const fs::path copy = folder_ / "suite" / trace;
      fs::create_directories(copy.parent_path());
      fs::copy_file(fs::path(BIOSCOPE_SOURCE_DIR) / "suites" / trace, copy,
                    fs::copy_options::overwrite_existing);
      text += "trace " + trace + "\n";
    }
    std::ofstream(folder_ / "suite" / "some.suite") << text;
    return folder_ / "suite" / "some.suite";
  }

  CommandEnd gate(std::vector<std::string> arguments, CommandSetting setting = {}) {
    arguments.insert(arguments.begin(), {"gate", "--out", out().string(), "--allow-unexercised"});
    setting.directory = folder_;
    setting.environment["TMPDIR"] = (folder_ / "tmp").string();
    return run_bioscope(arguments, setting);
  }

  // One module of drivers/md with one of the planted mutants.
  fs::path mutant(const std::string& patch, const std::string& module) {
    const fs::path source = BIOSCOPE_SOURCE_DIR;
    const fs::path modules = folder_ / "modules";
    const std::string command =
        (source / "vm-images/kernel/build-module").string() + " --out " + modules.string() +
        " --patch " + (source / "vm-images/kernel/mutants" / (patch + ".patch")).string() + " " +
        module + " >/dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return modules;
  }

  json results() const { return json::parse(contents_of(out() / "results.json"), nullptr, false); }
  fs::path out() const { return folder_ / "out"; }
  fs::path folder_;
};

// The pids of the QEMUs below `command`, once there is one.
std::vector<pid_t> await_qemu(pid_t command) {
  for (int i = 0; i < 6000; ++i) {
    const auto found = descendants(command, "qemu-system");
    if (!found.empty()) return found;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

// Status 3, one sentence on standard error that has `words`, and no trace that passed.
void expect_not_judged(const CommandEnd& end, const std::string& words) {
  EXPECT_EQ(end.status, 3) << end.out << end.err;
  EXPECT_THAT(end.out + end.err, HasSubstr(words));
  EXPECT_THAT(end.out, Not(HasSubstr(" passed")));
}

TEST_F(GateTest, TheSameSeedIsTheSameRun) {
  const std::string suite =
      suite_of({"cases/case-d-tracked-read.trace", "cases/case-d-two-lanes.trace",
                "targets/linear-offset.trace", "snapshot/persistent-basic.trace"})
          .string();
  const auto run = [&] {
    const CommandEnd end = gate({"--suite", suite, "--seed", "5"});
    EXPECT_EQ(end.status, 0) << end.out << end.err;
    json result = results();
    result.erase("wall");
    return std::pair(result, contents_of(out() / "console.log"));
  };
  const auto one = run();
  const auto two = run();
  EXPECT_EQ(one.first, two.first);
  EXPECT_EQ(one.second, two.second);
  EXPECT_EQ(one.first["counts"]["passed"], 4);
  for (const char* file : {"results.ktap", "junit.xml", "report.txt"}) {
    EXPECT_TRUE(fs::exists(out() / file)) << file;
  }
}

TEST_F(GateTest, CaseAIsAHazardAndFailsUnderStrict) {
  const std::string suite = suite_of({"cases/case-a-snapshot-without-suspend.trace"}).string();
  const CommandEnd lenient = gate({"--suite", suite});
  EXPECT_EQ(lenient.status, 0) << lenient.out << lenient.err;
  EXPECT_THAT(lenient.out, HasSubstr("hazard  R74/"));
  const CommandEnd strict = gate({"--suite", suite, "--strict"});
  EXPECT_EQ(strict.status, 1) << strict.out << strict.err;
  EXPECT_THAT(strict.out, HasSubstr("R74"));
  EXPECT_THAT(strict.out, HasSubstr("chunk"));
  EXPECT_THAT(strict.out, HasSubstr("seen op"));
  const fs::path bundle = out() / "repro" / results()["findings"][0]["id"].get<std::string>();
  EXPECT_EQ(std::system(((bundle / "run.sh").string() + " >/dev/null 2>&1").c_str()) >> 8, 1);
}

TEST_F(GateTest, AModuleThatHangsIsNamedWithItsTrace) {
  const fs::path modules = mutant("chunk-size-zero", "dm-snapshot");
  const CommandEnd end =
      gate({"--suite", suite_of({"snapshot/origin-without-snapshots.trace"}).string(), "--modules",
            modules.string()});
  EXPECT_EQ(end.status, 1) << end.out << end.err;
  EXPECT_THAT(end.out, HasSubstr("VIOLATION  hang/"));
  EXPECT_THAT(end.out, HasSubstr("snapshot/origin-without-snapshots.trace"));
}

TEST_F(GateTest, AnUntrackedSnapshotReadShowsTheStampItShouldNotHaveSeen) {
  const fs::path modules = mutant("read-untracked", "dm-snapshot");
  const CommandEnd end = gate({"--suite", suite_of({"cases/case-d-tracked-read.trace"}).string(),
                               "--modules", modules.string()});
  EXPECT_EQ(end.status, 1) << end.out << end.err;
  EXPECT_THAT(end.out, HasSubstr("VIOLATION"));
  EXPECT_THAT(end.out, HasSubstr("seen op"));
}

TEST_F(GateTest, AKnownFindingPassesAndAnExpiredEntryFails) {
  const std::string suite = suite_of({"known/era-status-during-swap.trace"}).string();
  const CommandEnd known = gate({"--suite", suite});
  EXPECT_EQ(known.status, 0) << known.out << known.err;
  EXPECT_THAT(known.out, HasSubstr("known  hang/era/"));
  const fs::path bundle = out() / "repro" / results()["findings"][0]["id"].get<std::string>();
  EXPECT_EQ(std::system(((bundle / "run.sh").string() + " >/dev/null 2>&1").c_str()) >> 8, 1);
  json file =
      json::parse(contents_of(fs::path(BIOSCOPE_SOURCE_DIR) / "suites/known-findings.json"));
  for (json& entry : file["known"]) entry["expiry"] = "2020-01-01";
  std::ofstream(folder_ / "known.json") << file;
  const CommandEnd expired = gate({"--suite", suite, "--known", (folder_ / "known.json").string()});
  EXPECT_EQ(expired.status, 1) << expired.out << expired.err;
  EXPECT_THAT(expired.out, HasSubstr("EXPIRED KNOWN FINDING  hang/era/"));
  EXPECT_THAT(expired.out, HasSubstr("matched nothing"));
}

TEST_F(GateTest, ASuiteOfRefusedOperationsDecidesNothing) {
  const std::string suite = suite_of({"dm-core/load-gap.trace"}).string();
  CommandSetting setting;
  setting.directory = folder_;
  const CommandEnd end = run_bioscope({"gate", "--suite", suite, "--out", out().string()}, setting);
  EXPECT_EQ(end.status, 3) << end.out << end.err;
  EXPECT_THAT(end.out, HasSubstr("too little was exercised"));
}

TEST_F(GateTest, WithoutQemuItCouldNotJudge) {
  fs::create_directories(folder_ / "bin");
  for (const char* program : {"apt-cache", "apt-get", "dpkg", "dpkg-query"}) {
    fs::create_symlink(fs::path("/usr/bin") / program, folder_ / "bin" / program);
  }
  CommandSetting setting;
  setting.environment["PATH"] = (folder_ / "bin").string();
  expect_not_judged(gate({"--suite", suite_of({"targets/linear-offset.trace"}).string()}, setting),
                    "no program qemu-system-x86_64");
  fs::remove_all(folder_ / "bin");
}

TEST_F(GateTest, AKernelThatIsNoneCouldNotBeJudged) {
  std::ofstream(folder_ / "vmlinuz") << "this is no kernel";
  expect_not_judged(gate({"--kernel", (folder_ / "vmlinuz").string()}), "vmlinuz");
}

TEST_F(GateTest, AFolderWithoutAModuleCouldNotBeJudged) {
  fs::create_directories(folder_ / "empty");
  expect_not_judged(gate({"--modules", (folder_ / "empty").string()}), "module");
  expect_not_judged(gate({"--modules", (folder_ / "nowhere").string()}), "nowhere");
}

TEST_F(GateTest, CtrlCIs130AndLeavesNothing) {
  CommandSetting setting;
  setting.until = "playing ";
  std::vector<pid_t> machines;
  setting.then = [&](pid_t command) {
    machines = await_qemu(command);
    ::kill(command, SIGINT);
  };
  const CommandEnd end = gate({"--suite", "smoke"}, setting);
  EXPECT_EQ(end.status, 130) << end.out << end.err;
  EXPECT_THAT(end.out, HasSubstr("interrupted"));
  ASSERT_FALSE(machines.empty());
  for (const pid_t machine : machines) EXPECT_NE(::kill(machine, 0), 0);
}

TEST_F(GateTest, AKilledQemuCouldNotBeJudged) {
  CommandSetting setting;
  setting.until = "playing ";
  setting.then = [](pid_t command) {
    for (const pid_t machine : await_qemu(command)) ::kill(machine, SIGKILL);
  };
  expect_not_judged(gate({"--suite", suite_of({"targets/linear-offset.trace"}).string()}, setting),
                    "QEMU was killed by signal 9");
}

// QEMU ends with status 0 then, as if the guest had switched itself off.
TEST_F(GateTest, AQemuThatIsAskedToEndCouldNotBeJudged) {
  CommandSetting setting;
  setting.until = "playing ";
  setting.then = [](pid_t command) {
    for (const pid_t machine : await_qemu(command)) ::kill(machine, SIGTERM);
  };
  const CommandEnd end =
      gate({"--suite", suite_of({"targets/linear-offset.trace"}).string()}, setting);
  EXPECT_EQ(end.status, 3) << end.out << end.err;
}

TEST_F(GateTest, CtrlCWhileTheKernelIsFetchedIs130) {
  fs::create_directories(folder_ / "bin");
  for (const char* program : {"apt-cache", "apt-get", "dpkg-query"}) {
    const fs::path script = folder_ / "bin" / program;
    std::ofstream(script) << "#!/bin/sh\nkill -INT $PPID\nexit 1\n";
    fs::permissions(script, fs::perms::owner_all);
  }
  CommandSetting setting;
  setting.environment["PATH"] = (folder_ / "bin").string();
  const CommandEnd end =
      gate({"--suite", suite_of({"targets/linear-offset.trace"}).string()}, setting);
  EXPECT_EQ(end.status, 130) << end.out << end.err;
}

TEST_F(GateTest, AFullDiskCouldNotBeJudged) {
  CommandSetting setting;
  setting.small_disk = out();
  fs::create_directories(out());
  const CommandEnd end =
      gate({"--suite", suite_of({"targets/linear-offset.trace"}).string()}, setting);
  EXPECT_EQ(end.status, 3) << end.out << end.err;
  EXPECT_THAT(end.err, HasSubstr("No space left"));
  EXPECT_THAT(end.err, HasSubstr("--out"));
}

TEST_F(GateTest, AMalformedTraceIsTwoWithLineAndColumn) {
  const fs::path suite = suite_of({"targets/linear-offset.trace"});
  std::ofstream(suite.parent_path() / "targets/linear-offset.trace")
      << "bioscope-trace 1\ndisk d0 null size=big\n";
  const CommandEnd end = gate({"--suite", suite.string()});
  EXPECT_EQ(end.status, 2);
  EXPECT_THAT(end.err, HasSubstr("linear-offset.trace:2:"));
}

}  // namespace
}  // namespace bioscope
