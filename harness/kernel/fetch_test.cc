// SPDX-License-Identifier: Apache-2.0
#include "harness/kernel/fetch.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "harness/kernel/image.h"
#include "harness/kernel/testing/made_files.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Files = std::vector<std::pair<std::string, std::string>>;

std::string archived(const Files& files, bool as_deb) {
  std::string bytes(1 << 20, '\0');
  std::size_t used = 0;
  archive* writer = archive_write_new();
  if (as_deb) {
    archive_write_set_format_ar_svr4(writer);
  } else {
    archive_write_add_filter_xz(writer);
    archive_write_set_format_gnutar(writer);
  }
  archive_write_open_memory(writer, bytes.data(), bytes.size(), &used);
  for (const auto& [name, contents] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(contents.size()));
    archive_write_header(writer, entry);
    archive_write_data(writer, contents.data(), contents.size());
    archive_entry_free(entry);
  }
  archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

std::string made_deb(const Files& files) {
  return archived({{"debian-binary", "2.0\n"},
                   {"control.tar.xz", archived({}, false)},
                   {"data.tar.xz", archived(files, false)}},
                  true);
}

TEST(FetchKernel, TheImagePackageIsWhatTheMetaPackageDependsOn) {
  EXPECT_EQ(image_package("linux-image-cloud-amd64\n"
                          "  Depends: linux-image-6.1.0-56-cloud-amd64\n"),
            "linux-image-6.1.0-56-cloud-amd64");
  EXPECT_EQ(image_package("linux-image-cloud-amd64\n  Depends: something-else\n"), "");
  EXPECT_EQ(image_package("N: Unable to locate package linux-image-cloud-amd64\n"), "");
}

TEST(FetchKernel, TheVersionIsTheCandidate) {
  EXPECT_EQ(candidate_version("linux-image-x:\n  Installed: 6.1.1-1\n  Candidate: 6.1.192-2\n"),
            "6.1.192-2");
  EXPECT_EQ(candidate_version("linux-image-x:\n  Installed: (none)\n  Candidate: (none)\n"), "");
  EXPECT_EQ(candidate_version(""), "");
}

TEST(FetchKernel, UnpacksKernelAndModulesAndNothingElse) {
  const ScratchFolder scratch;
  const fs::path deb = scratch.write("image.deb", made_deb({{"./boot/vmlinuz-1", "kernel"},
                                                            {"./lib/modules/1/x.ko", "module"},
                                                            {"./usr/share/doc/x", "text"},
                                                            {"./boot/../../escape", "evil"}}));
  const fs::path into = scratch.path() / "in/to";
  fs::create_directories(into);
  const Result<void> unpacked = unpack_deb(deb, into);
  EXPECT_FALSE(unpacked) << "a path that leaves the folder has to be refused";
  EXPECT_EQ(read_whole_file(into / "boot/vmlinuz-1").value(), "kernel");
  EXPECT_EQ(read_whole_file(into / "lib/modules/1/x.ko").value(), "module");
  EXPECT_FALSE(fs::exists(into / "usr"));
  EXPECT_FALSE(fs::exists(scratch.path() / "in/escape"));
}

TEST(FetchKernel, WhatIsNoPackageIsAnError) {
  const ScratchFolder scratch;
  const Result<void> unpacked = unpack_deb(scratch.write("x.deb", "no archive"), scratch.path());
  ASSERT_FALSE(unpacked);
  EXPECT_EQ(unpacked.error().kind, ErrorKind::CouldNotJudge);
  EXPECT_THAT(unpacked.error().message, HasSubstr("x.deb"));
}

// apt-cache, apt-get and dpkg-query are played by scripts.
class FetchWithoutNetworkTest : public testing::Test {
 protected:
  FetchWithoutNetworkTest() : path_(std::getenv("PATH")) {
    setenv("XDG_CACHE_HOME", (scratch_.path() / "cache").c_str(), 1);
    setenv("PATH", ((scratch_.path() / "bin").string() + ":" + path_).c_str(), 1);
    scratch_.write(
        "made.deb",
        made_deb({{"./boot/vmlinuz-6.1.0-99-test", made_bzimage("6.1.0-99-test (x) #1", "payload")},
                  {"./lib/modules/6.1.0-99-test/kernel/x.ko", "module"}}));
    script("apt-cache",
           "case $1 in\n"
           "depends) echo '  Depends: linux-image-6.1.0-99-test';;\n"
           "policy) echo '  Candidate: 6.1.999-1';;\nesac");
    script("apt-get", "cp '" + (scratch_.path() / "made.deb").string() + "' image.deb");
    script("dpkg-query", "echo installed 6.1.999-1");
  }
  ~FetchWithoutNetworkTest() override {
    setenv("PATH", path_.c_str(), 1);
    unsetenv("XDG_CACHE_HOME");
  }

  void script(const std::string& name, const std::string& body) {
    const fs::path file = scratch_.write("bin/" + name, "#!/bin/sh\n" + body + "\n");
    chmod(file.c_str(), 0755);
  }

  ScratchFolder scratch_;
  std::string path_;
};

TEST_F(FetchWithoutNetworkTest, FetchesOnceAndThenTakesTheCache) {
  int downloads = 0;
  const auto count = [&downloads](std::string_view) { ++downloads; };
  for (int round = 0; round < 2; ++round) {
    const Result<Kernel> kernel = fetch_debian_kernel(count);
    ASSERT_TRUE(kernel) << kernel.error().message;
    EXPECT_EQ(kernel->release, "6.1.0-99-test");
    EXPECT_EQ(kernel->version, "6.1.999-1");
    EXPECT_TRUE(fs::exists(kernel->modules_dir / "kernel/x.ko"));
    EXPECT_TRUE(check_build_packages(*kernel));
  }
  EXPECT_EQ(downloads, 1);
}

TEST_F(FetchWithoutNetworkTest, WithoutAptTheKernelFetchedEarlierIsTaken) {
  ASSERT_TRUE(fetch_debian_kernel());
  script("apt-cache", "exit 100");
  const Result<Kernel> kernel = fetch_debian_kernel();
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_EQ(kernel->version, "6.1.999-1");
}

TEST_F(FetchWithoutNetworkTest, WithoutAptAndCacheNothingIsJudged) {
  script("apt-cache", "exit 100");
  const Result<Kernel> kernel = fetch_debian_kernel();
  ASSERT_FALSE(kernel);
  EXPECT_THAT(kernel.error().message, HasSubstr("apt-get update"));
}

TEST_F(FetchWithoutNetworkTest, AFailedDownloadLeavesNothingBehind) {
  script("apt-get", "echo 'E: Failed to fetch it' >&2; exit 100");
  const Result<Kernel> kernel = fetch_debian_kernel();
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().kind, ErrorKind::CouldNotJudge);
  EXPECT_THAT(kernel.error().message, HasSubstr("E: Failed to fetch it"));
  EXPECT_TRUE(fs::is_empty(scratch_.path() / "cache/bioscope/kernels"));
}

TEST_F(FetchWithoutNetworkTest, HeadersOfAnotherVersionAreNamed) {
  const Result<Kernel> kernel = fetch_debian_kernel();
  ASSERT_TRUE(kernel);
  script("dpkg-query", "echo installed 6.1.998-1");
  const Result<void> old = check_build_packages(*kernel);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().kind, ErrorKind::CouldNotJudge);
  EXPECT_THAT(old.error().message, HasSubstr("linux-headers-6.1.0-99-test is 6.1.998-1"));
  script("dpkg-query", "exit 1");
  const Result<void> absent = check_build_packages(*kernel);
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().message, HasSubstr("not installed"));
}

}  // namespace
}  // namespace bioscope
