// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace bioscope {

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = other.release();
  }
  return *this;
}

File::~File() {
  if (fd_ >= 0) close(fd_);
}

int File::release() {
  return std::exchange(fd_, -1);
}

int write_file(const std::string& path, std::string_view text) {
  const File file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open()) return errno;
  return write(file.fd(), text.data(), text.size()) < 0 ? errno : 0;
}

std::string read_file(const std::string& path) {
  constexpr std::size_t kMostBytes = 1 << 20;
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!file.is_open()) return text;
  std::array<char, 4096> buffer;
  while (text.size() < kMostBytes) {
    const ssize_t count = read(file.fd(), buffer.data(), buffer.size());
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

bool exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

}  // namespace bioscope
