// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "harness/vm/shared_libraries.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

struct Found {
  std::string contents;
  unsigned mode = 0;
  long mtime = 0;
};

std::map<std::string, Found> unpack(const std::string& bytes) {
  std::map<std::string, Found> entries;
  archive* reader = archive_read_new();
  archive_read_support_format_cpio(reader);
  EXPECT_EQ(archive_read_open_memory(reader, bytes.data(), bytes.size()), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
    Found found;
    found.mode = archive_entry_mode(entry);
    found.mtime = archive_entry_mtime(entry);
    found.contents.resize(static_cast<std::size_t>(archive_entry_size(entry)));
    archive_read_data(reader, found.contents.data(), found.contents.size());
    if (archive_entry_symlink(entry) != nullptr) found.contents = archive_entry_symlink(entry);
    entries[archive_entry_pathname(entry)] = found;
  }
  archive_read_free(reader);
  return entries;
}

TEST(Initramfs, HoldsWhatWasPutIn) {
  Initramfs initramfs;
  initramfs.add_bytes("/etc/deep/file", "contents", 0600);
  initramfs.add_symlink("/link", "etc/deep/file");
  initramfs.add_directory("/work", 0700);
  const auto entries = unpack(initramfs.build().value());
  EXPECT_EQ(entries.at("etc/deep/file").contents, "contents");
  EXPECT_EQ(entries.at("etc/deep/file").mode, S_IFREG | 0600U);
  EXPECT_EQ(entries.at("etc/deep").mode, S_IFDIR | 0755U);
  EXPECT_EQ(entries.at("link").contents, "etc/deep/file");
  EXPECT_EQ(entries.at("work").mode, S_IFDIR | 0700U);
  EXPECT_EQ(entries.at("dev/console").mode, S_IFCHR | 0600U);
  for (const auto& [path, found] : entries) EXPECT_EQ(found.mtime, 0) << path;
}

TEST(Initramfs, TheSameInputGivesTheSameBytesInWhateverOrderItCame) {
  Initramfs one;
  one.add_bytes("/a", "1");
  one.add_bytes("/b", "2");
  Initramfs other;
  other.add_bytes("/b", "2");
  other.add_bytes("/a", "older");
  other.add_bytes("/a", "1");
  EXPECT_EQ(one.build().value(), other.build().value());
  other.add_bytes("/a", "3");
  EXPECT_NE(one.build().value(), other.build().value());
}

TEST(Initramfs, TheTimeOfAFileOnTheHostDoesNotCount) {
  const fs::path file = fs::temp_directory_path() / ("initramfs-" + std::to_string(getpid()));
  std::ofstream(file) << "contents";
  const auto built = [&file] {
    Initramfs initramfs;
    EXPECT_TRUE(initramfs.add_file("/file", file));
    return initramfs.build().value();
  };
  const std::string before = built();
  fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(1000));
  EXPECT_EQ(built(), before);
  fs::remove(file);
}

TEST(Initramfs, TracesChangeTheSizeInStepsOnly) {
  const std::string none = Initramfs::build_traces("").value();
  const std::string some = Initramfs::build_traces(std::string(1000, 't')).value();
  const std::string most = Initramfs::build_traces(std::string(kTracesStepBytes - 1, 't')).value();
  const std::string more = Initramfs::build_traces(std::string(kTracesStepBytes, 't')).value();
  EXPECT_EQ(none.size(), some.size());
  EXPECT_EQ(none.size(), most.size());
  EXPECT_EQ(more.size(), none.size() + kTracesStepBytes);
  const std::string padded = unpack(some).at("traces").contents;
  EXPECT_EQ(padded.size(), kTracesStepBytes);
  EXPECT_EQ(padded.substr(0, 1000), std::string(1000, 't'));
  EXPECT_EQ(padded.find_first_not_of('\0', 1000), std::string::npos);
}

TEST(Initramfs, EveryEntryStartsWhereTheKernelLooksForIt) {
  Initramfs initramfs;
  initramfs.add_bytes("/odd", "x");
  EXPECT_EQ(initramfs.build().value().size() % 4, 0U);
}

TEST(Initramfs, AMissingFileIsNamed) {
  Initramfs initramfs;
  const Result<void> added = initramfs.add_file("/x", "/nonexistent/file");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().kind, ErrorKind::CouldNotJudge);
  EXPECT_THAT(added.error().message, HasSubstr("/nonexistent/file"));
}

TEST(SharedLibraries, AProgramHasItsInterpreterAndItsLibraries) {
  const auto libraries = shared_libraries_of("/proc/self/exe");
  ASSERT_TRUE(libraries) << libraries.error().message;
  EXPECT_THAT(*libraries, Contains(fs::path("/lib64/ld-linux-x86-64.so.2")));
  EXPECT_THAT(*libraries, Contains(fs::path("/lib/x86_64-linux-gnu/libc.so.6")));
  EXPECT_THAT(*libraries, Contains(fs::path("/lib/x86_64-linux-gnu/libz.so.1")))
      << "needed through libarchive only";
  Initramfs initramfs;
  ASSERT_TRUE(initramfs.add_executable("/init", "/proc/self/exe"));
  EXPECT_TRUE(initramfs.contains("/init"));
  EXPECT_TRUE(initramfs.contains("/lib64/ld-linux-x86-64.so.2"));
}

TEST(SharedLibraries, AStaticProgramHasNone) {
  const auto libraries = shared_libraries_of(HARNESS_VM_TEST_GUEST);
  ASSERT_TRUE(libraries) << libraries.error().message;
  EXPECT_THAT(*libraries, IsEmpty());
}

TEST(SharedLibraries, WhatIsNoProgramIsAnError) {
  const auto libraries = shared_libraries_of("/etc/passwd");
  ASSERT_FALSE(libraries);
  EXPECT_THAT(libraries.error().message, HasSubstr("no ELF program"));
}

}  // namespace
}  // namespace bioscope
