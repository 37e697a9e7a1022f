// SPDX-License-Identifier: Apache-2.0
// build-module against headers and a source tarball made up for the test: whatever cannot be built
// ends with status 3 and one sentence, and leaves nothing behind. The mutants are built for real
// where Debian's headers and source are installed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace bioscope {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

const char* const kFolder = "vm-images/kernel";  // tests run at the root of the checkout

struct Ended {
  int status = -1;
  std::string output;  // both streams
};

Ended run(const std::string& command) {
  std::FILE* pipe = ::popen(fmt::format("{{ {}\n}} 2>&1", command).c_str(), "r");
  if (pipe == nullptr) return {};
  Ended ended;
  std::array<char, 4096> chunk{};
  while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
    ended.output.append(chunk.data(), got);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) ended.status = WEXITSTATUS(status);
  return ended;
}

class BuildModule : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "build-module.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    put("headers/Module.symvers", "");
    put("headers/include/generated/utsrelease.h", "#define UTS_RELEASE \"6.1.0-1-cloud-amd64\"\n");
    put_version("192");
    put("linux-source-6.1/Makefile", "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 192\n");
    put("linux-source-6.1/drivers/md/Makefile", "obj-$(CONFIG_DM_ZERO)\t\t+= dm-zero.o\n");
    put("linux-source-6.1/drivers/md/dm-zero.c", "int zero;\n");
    ASSERT_EQ(run(fmt::format("tar -cJf {0}/linux-source-6.1.tar.xz -C {0} linux-source-6.1",
                              root_.string()))
                  .status,
              0);
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& name, const std::string& text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }

  void put_version(const std::string& sublevel) {
    put("headers/include/generated/uapi/linux/version.h",
        fmt::format("#define LINUX_VERSION_MAJOR 6\n#define LINUX_VERSION_PATCHLEVEL 1\n"
                    "#define LINUX_VERSION_SUBLEVEL {}\n",
                    sublevel));
  }

  Ended build(const std::string& arguments) {
    return run(fmt::format("XDG_CACHE_HOME={}/cache {}/build-module {}", root_.string(), kFolder,
                           arguments));
  }

  std::string usual() {
    return fmt::format("--out {0}/out --headers {0}/headers --source {0}/linux-source-6.1.tar.xz ",
                       root_.string());
  }

  void expect_refusal(const Ended& ended, const std::string& sentence) {
    EXPECT_EQ(ended.status, 3) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr(sentence));
    EXPECT_TRUE(ended.output.starts_with("build-module: ")) << ended.output;
    EXPECT_EQ(ended.output.find('\n') + 1, ended.output.size()) << "more than one line";
    EXPECT_FALSE(fs::exists(root_ / "out"));
    std::vector<std::string> left;
    if (fs::exists(root_ / "cache")) {
      for (const auto& entry : fs::recursive_directory_iterator(root_ / "cache")) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("staging.")) left.push_back(name);
      }
    }
    EXPECT_THAT(left, IsEmpty());
  }

  fs::path root_;
};

TEST_F(BuildModule, MissingHeaders) {
  expect_refusal(build(fmt::format("--out {0}/out --headers {0}/nowhere dm-zero", root_.string())),
                 "install linux-headers-cloud-amd64 or give --headers");
  expect_refusal(build(fmt::format("--probe {0}/out --headers {0}/nowhere", root_.string())),
                 "install linux-headers-cloud-amd64 or give --headers");
}

TEST_F(BuildModule, MissingSource) {
  expect_refusal(build(fmt::format("--out {0}/out --headers {0}/headers --source {0}/none dm-zero",
                                   root_.string())),
                 "install the package linux-source-6.1 or give --source");
}

TEST_F(BuildModule, SourceThatIsNoTarball) {
  put("linux-source-6.1.tar.xz", "no archive");
  expect_refusal(build(usual() + "dm-zero"), "give --source a linux-source tarball");
}

TEST_F(BuildModule, SourceOfAnotherVersion) {
  put_version("193");
  expect_refusal(build(usual() + "dm-zero"), "install both packages of one version");
}

TEST_F(BuildModule, UnknownModule) {
  expect_refusal(build(usual() + "dm-zero dm-nonsense"), "has no module dm-nonsense");
  expect_refusal(build(usual() + "'.*'"), ".* is no name of a module");
}

TEST_F(BuildModule, PatchThatDoesNotApply) {
  put("bad.patch",
      "--- a/drivers/md/dm-zero.c\n+++ b/drivers/md/dm-zero.c\n@@ -1 +1 @@\n-int one;\n+int "
      "two;\n");
  expect_refusal(build(fmt::format("{}--patch {}/bad.patch dm-zero", usual(), root_.string())),
                 "does not apply to drivers/md of Linux 6.1.192");
}

TEST_F(BuildModule, PatchThatIsNone) {
  put("bad.patch", "not a patch\n");
  expect_refusal(build(fmt::format("{}--patch {}/bad.patch dm-zero", usual(), root_.string())),
                 "is no patch");
  expect_refusal(build(fmt::format("{}--patch {}/none.patch dm-zero", usual(), root_.string())),
                 "cannot be read");
}

TEST_F(BuildModule, PatchOutsideOfDriversMd) {
  put("bad.patch", "--- a/block/bio.c\n+++ b/block/bio.c\n@@ -1 +1 @@\n-int one;\n+int two;\n");
  expect_refusal(build(fmt::format("{}--patch {}/bad.patch dm-zero", usual(), root_.string())),
                 "touches block/bio.c, which is not in drivers/md");
}

TEST_F(BuildModule, CompilerThatFailsIsStatus3AndLeavesNoModule) {
  put("headers/Makefile", "modules:\n\t@echo 'dm-zero.c:1: error: planted' && false\n");
  const Ended ended = build(usual() + "dm-zero");
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.output, HasSubstr("error: planted"));
  EXPECT_THAT(ended.output, HasSubstr("dm-zero cannot be compiled"));
  EXPECT_FALSE(fs::exists(root_ / "out"));
}

TEST_F(BuildModule, ModuleForAnotherKernelIsRefused) {
  put("headers/Makefile", "modules:\n\t@echo vermagic=5.10.0 >$(M)/dm-zero.ko\n");
  expect_refusal(build(usual() + "dm-zero"), "is not for 6.1.0-1-cloud-amd64");
}

TEST_F(BuildModule, BadUsage) {
  EXPECT_EQ(build("").status, 2);
  EXPECT_EQ(build("--out").status, 2);
  EXPECT_EQ(build(usual()).status, 2);
  EXPECT_EQ(build("--nonsense").status, 2);
  EXPECT_EQ(build("--probe x dm-zero").status, 2);
}

// All of them in one build: their hunks are disjoint, so each applies on its own as well.
TEST(Mutants, AllApplyAndCompile) {
  std::string arguments;
  std::set<std::string> modules;
  for (const auto& entry : fs::directory_iterator(fs::path(kFolder) / "mutants")) {
    arguments += fmt::format("--patch {} ", entry.path().string());
    std::ifstream in(entry.path());
    std::string line;
    std::set<std::string> seen;
    while (std::getline(in, line) && !line.starts_with("--- ")) {
      const std::string key = line.substr(0, line.find(':'));
      seen.insert(key);
      if (key == "Mutant") {
        EXPECT_EQ(line.substr(8) + ".patch", entry.path().filename().string());
      }
      if (key == "Modules") modules.insert(line.substr(9));
    }
    for (const char* key :
         {"SPDX-License-Identifier", "Mutant", "Breaks", "Modules", "What", "Found by"}) {
      EXPECT_TRUE(seen.contains(key)) << entry.path() << " has no line " << key;
    }
  }
  for (const std::string& module : modules) arguments += module + " ";
  ASSERT_FALSE(modules.empty());
  if (!fs::exists("/usr/src/linux-source-6.1.tar.xz") ||
      run("ls -d /usr/src/linux-headers-6.1.*-cloud-amd64").status != 0) {
    FAIL() << "linux-headers-cloud-amd64 and linux-source-6.1 are not installed; run ci/setup";
  }
  std::string out = (fs::temp_directory_path() / "mutants.XXXXXX").string();
  ASSERT_NE(::mkdtemp(out.data()), nullptr);
  const Ended ended = run(fmt::format("{}/build-module --out {} {}", kFolder, out, arguments));
  EXPECT_EQ(ended.status, 0) << ended.output;
  for (const std::string& module : modules) {
    EXPECT_TRUE(fs::exists(fs::path(out) / (module + ".ko"))) << module;
  }
  fs::remove_all(out);
}

}  // namespace
}  // namespace bioscope
