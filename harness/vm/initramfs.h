// SPDX-License-Identifier: Apache-2.0
// Builds the guest's root file system as a newc cpio archive, without root and without a clock in
// it: the same input gives the same bytes. What varies between runs, the traces, stands in an
// archive of its own behind the rest, in a file /traces whose size changes in steps only: a det run
// repeats as long as nothing in the guest's memory moves.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "models/base/result.h"
#include "models/base/types.h"

namespace bioscope {

// The size of /traces is a multiple of this; the padding is zero bytes.
inline constexpr std::size_t kTracesStepBytes = 256 * 1024;

class Initramfs {
 public:
  // Has /dev, /proc, /sys, /tmp and the character devices /dev/console and /dev/null, so that PID 1
  // starts with the console as its standard input, output and error.
  Initramfs();

  // Guest paths are absolute; the folders above them are added by themselves. A later entry of the
  // same path takes the place of the earlier one.
  void add_directory(const std::string& guest_path, u32 mode = 0755);
  void add_bytes(const std::string& guest_path, std::string bytes, u32 mode = 0644);
  void add_symlink(const std::string& guest_path, const std::string& target);
  // Could not judge: the file cannot be read.
  Result<void> add_file(const std::string& guest_path, const std::filesystem::path& host_path,
                        u32 mode = 0644);
  // The program with its interpreter and all shared libraries it needs, each at the path at which
  // the host's dynamic linker finds it. Nothing is executed to find them out.
  // Could not judge: it is no ELF program or a library is missing.
  Result<void> add_executable(const std::string& guest_path,
                              const std::filesystem::path& host_path);

  bool contains(const std::string& guest_path) const { return entries_.contains(guest_path); }

  // The archive of all entries, and the archive of /traces alone. What a guest is given is the one
  // followed by the other; the first is the same for many boots. Could not judge: libarchive fails.
  Result<std::string> build() const;
  static Result<std::string> build_traces(std::string_view traces);

 private:
  struct Entry {
    enum class Kind { Directory, File, Symlink, CharacterDevice } kind = Kind::File;
    u32 mode = 0;
    std::string contents;  // of a file; the target of a symbolic link
    u32 device_major = 0;
    u32 device_minor = 0;
  };

  static Result<std::string> archive_of(const std::map<std::string, Entry>& entries,
                                        i64 first_inode);
  void add(const std::string& guest_path, Entry entry);

  std::map<std::string, Entry> entries_;
};

}  // namespace bioscope
