// SPDX-License-Identifier: Apache-2.0
#include "harness/kernel/image.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "harness/kernel/testing/made_files.h"

namespace bioscope {
namespace {

using testing::HasSubstr;

const std::string kRelease = "6.1.0-99-test (somebody@somewhere) #1 SMP";

std::string gzip(const std::string& bytes) {
  std::string packed(bytes.size() + 4096, '\0');
  std::size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_add_filter_gzip(writer);
  archive_write_set_format_raw(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  archive_write_open_memory(writer, packed.data(), packed.size(), &used);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(writer, entry);
  archive_write_data(writer, bytes.data(), bytes.size());
  archive_entry_free(entry);
  archive_write_free(writer);
  packed.resize(used);
  return packed;
}

std::string pvh_elf() {
  return std::string(
             "\x7f"
             "ELF") +
         std::string(100, 'k') + std::string("\x04\0\0\0\x08\0\0\0\x12\0\0\0Xen\0", 16) +
         std::string(100, 'k');
}

TEST(KernelImage, SaysItsRelease) {
  const Result<std::string> release = kernel_release(made_bzimage(kRelease, "payload"), "x");
  ASSERT_TRUE(release) << release.error().message;
  EXPECT_EQ(*release, "6.1.0-99-test");
}

TEST(KernelImage, AFileThatIsNoKernelIsRefusedWithOneSentence) {
  for (const std::string& bytes :
       {std::string(), std::string("#!/bin/sh\n"), std::string(4096, 'x'), pvh_elf()}) {
    const Result<std::string> release = kernel_release(bytes, "vmlinuz-odd");
    ASSERT_FALSE(release);
    EXPECT_EQ(release.error().kind, ErrorKind::CouldNotJudge);
    EXPECT_THAT(release.error().message, HasSubstr("vmlinuz-odd is no kernel"));
  }
}

TEST(KernelImage, ACutKernelIsRefused) {
  const std::string whole = made_bzimage(kRelease, std::string(5000, 'p'));
  EXPECT_TRUE(kernel_release(whole, "x"));
  const Result<std::string> cut = kernel_release(whole.substr(0, whole.size() - 1), "x");
  ASSERT_FALSE(cut);
  EXPECT_THAT(cut.error().message, HasSubstr("cut short"));
}

TEST(KernelImage, NoCutOfAKernelIsReadBeyondItsEnd) {
  const std::string whole = made_bzimage(kRelease, gzip(pvh_elf()) + std::string(4, '\0'));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(kernel_release(whole.substr(0, size), "x")) << size;
    EXPECT_FALSE(pvh_image(whole.substr(0, size))) << size;
  }
}

TEST(KernelImage, UnpacksWhatCanBeEnteredThroughPvh) {
  const std::string elf = pvh_elf();
  const auto unpacked = pvh_image(made_bzimage(kRelease, gzip(elf) + std::string(4, '\0')));
  ASSERT_TRUE(unpacked);
  EXPECT_EQ(*unpacked, elf);
}

TEST(KernelImage, LeavesOthersToDecompressThemselves) {
  EXPECT_FALSE(pvh_image(made_bzimage(kRelease, "an unknown packing")));
  const std::string no_note = std::string(
                                  "\x7f"
                                  "ELF") +
                              std::string(200, 'k');
  EXPECT_FALSE(pvh_image(made_bzimage(kRelease, gzip(no_note) + std::string(4, '\0'))));
}

TEST(KernelImage, OpensAFileAndFindsTheModulesBesideIt) {
  const ScratchFolder scratch;
  setenv("XDG_CACHE_HOME", (scratch.path() / "cache").c_str(), 1);
  const auto file =
      scratch.write("boot/vmlinuz", made_bzimage(kRelease, gzip(pvh_elf()) + std::string(4, '\0')));
  scratch.write("lib/modules/6.1.0-99-test/kernel/x.ko", "");
  for (int round = 0; round < 2; ++round) {  // filled, then from the cache
    const Result<Kernel> kernel = open_kernel_file(file);
    ASSERT_TRUE(kernel) << kernel.error().message;
    EXPECT_EQ(kernel->release, "6.1.0-99-test");
    EXPECT_EQ(read_whole_file(kernel->boot_image).value(), pvh_elf());
    EXPECT_EQ(kernel->modules_dir, scratch.path() / "lib/modules/6.1.0-99-test");
    EXPECT_EQ(kernel->version, "");
  }
  unsetenv("XDG_CACHE_HOME");
}

TEST(KernelImage, AMissingFileIsNamed) {
  const Result<Kernel> kernel = open_kernel_file("/nonexistent/bzImage");
  ASSERT_FALSE(kernel);
  EXPECT_THAT(kernel.error().message, HasSubstr("/nonexistent/bzImage"));
}

}  // namespace
}  // namespace bioscope
