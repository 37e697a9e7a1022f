// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/memory_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace bioscope {
namespace {

constexpr int kLowestFd = 20;

}  // namespace

Result<MemoryFile> MemoryFile::create(const std::string& name, std::string_view contents) {
  const int low_fd = memfd_create(name.c_str(), MFD_CLOEXEC);
  const int fd = low_fd < 0 ? -1 : fcntl(low_fd, F_DUPFD_CLOEXEC, kLowestFd);
  const int error = errno;
  if (low_fd >= 0) close(low_fd);
  if (fd < 0) {
    return could_not_judge(
        fmt::format("no file in memory for {}: {}; run fewer jobs", name, std::strerror(error)));
  }
  MemoryFile file(fd);
  while (!contents.empty()) {
    const ssize_t count = write(fd, contents.data(), contents.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      return could_not_judge(
          fmt::format("no memory for {}: {}; run fewer jobs", name, std::strerror(errno)));
    }
    contents.remove_prefix(static_cast<std::size_t>(count));
  }
  return file;
}

MemoryFile::MemoryFile(MemoryFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

MemoryFile& MemoryFile::operator=(MemoryFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

MemoryFile::~MemoryFile() {
  if (fd_ >= 0) close(fd_);
}

std::string MemoryFile::read_from(u64 offset_bytes) const {
  std::string bytes;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t count =
        pread(fd_, buffer.data(), buffer.size(), static_cast<off_t>(offset_bytes + bytes.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace bioscope
