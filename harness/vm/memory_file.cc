// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/memory_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
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

Result<void> MemoryFile::resize(u64 size_bytes) {
  if (ftruncate(fd_, static_cast<off_t>(size_bytes)) == 0) return {};
  return could_not_judge(
      fmt::format("no memory for {} bytes: {}; run fewer jobs", size_bytes, std::strerror(errno)));
}

std::string MemoryFile::read_from(u64 offset_bytes) const {
  return read_part(offset_bytes, std::numeric_limits<u64>::max());
}

std::string MemoryFile::read_part(u64 offset_bytes, u64 size_bytes) const {
  std::string bytes;
  std::array<char, 65536> buffer;
  while (bytes.size() < size_bytes) {
    const std::size_t wanted =
        static_cast<std::size_t>(std::min<u64>(buffer.size(), size_bytes - bytes.size()));
    const ssize_t count =
        pread(fd_, buffer.data(), wanted, static_cast<off_t>(offset_bytes + bytes.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return bytes;
}

}  // namespace bioscope
