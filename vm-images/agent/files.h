// SPDX-License-Identifier: Apache-2.0
// Owned file descriptors and the small files of sysfs and procfs.
#pragma once

#include <string>
#include <string_view>

namespace bioscope {

class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(other.release()) {}
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

// 0 or a positive errno.
int write_file(const std::string& path, std::string_view text);
// What the file holds, up to 1 MiB; empty if it cannot be read.
std::string read_file(const std::string& path);
bool exists(const std::string& path);

}  // namespace bioscope
