// SPDX-License-Identifier: Apache-2.0
#include "vm-images/probe/probe_client.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace bioscope {
namespace {

std::unexpected<Error> failed(const char* what, int error) {
  return could_not_judge(
      fmt::format("the probe cannot {}: {}; see vm-images/probe/bioscope_probe.h "
                  "for what it demands",
                  what, std::strerror(error)));
}

// What the probe answers before it asks the kernel under test.
bool is_misuse(int error) {
  return error == EFAULT || error == EBADF || error == ENOTBLK;
}

template <typename T>
u64 address(std::span<T> bytes) {
  return bytes.empty() ? 0 : reinterpret_cast<u64>(bytes.data());
}

}  // namespace

Result<Probe> Probe::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    return could_not_judge(
        fmt::format("{} cannot be opened: {}; load bioscope_probe.ko of this kernel", path,
                    std::strerror(errno)));
  }
  Probe probe(fd);
  bioscope_probe_version version{};
  if (ioctl(fd, BIOSCOPE_PROBE_VERSION, &version) != 0) {
    return could_not_judge(
        fmt::format("{} is not the probe: {}; load bioscope_probe.ko", path, std::strerror(errno)));
  }
  if (version.abi != BIOSCOPE_PROBE_ABI) {
    return could_not_judge(
        fmt::format("the probe speaks ABI {}, this program {}; build both from one "
                    "checkout",
                    version.abi, BIOSCOPE_PROBE_ABI));
  }
  return probe;
}

Probe::Probe(Probe&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Probe& Probe::operator=(Probe&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Probe::~Probe() {
  if (fd_ >= 0) ::close(fd_);
}

Result<u64> Probe::submit(int device, const ProbeBio& bio) {
  bioscope_probe_bio request{};
  request.fd = device;
  request.op = bio.op;
  request.flags = bio.flags;
  request.segment_count = static_cast<u32>(bio.segments.size());
  request.sector = bio.sector;
  request.length_bytes = bio.length_bytes;
  request.segments = address(std::span(bio.segments));
  if (!bio.data.empty() && bio.data.size() != bio.length_bytes) {
    return could_not_judge(
        fmt::format("a bio of {} bytes cannot be submitted with {} bytes of data; "
                    "make them equal",
                    bio.length_bytes, bio.data.size()));
  }
  request.data = address(bio.data);
  if (ioctl(fd_, BIOSCOPE_PROBE_SUBMIT, &request) != 0) return failed("submit the bio", errno);
  return request.id;
}

Result<std::optional<ProbeBioEnd>> Probe::wait(u64 id, std::span<u8> data, u32 timeout_ms) {
  bioscope_probe_wait request{};
  request.id = id;
  request.data = address(data);
  request.timeout_ms = timeout_ms;
  if (ioctl(fd_, BIOSCOPE_PROBE_WAIT, &request) != 0) {
    if (errno == ETIMEDOUT || errno == EINTR) return std::nullopt;
    return failed("wait for the bio", errno);
  }
  return ProbeBioEnd{request.status, request.ended, request.sector};
}

Result<int> Probe::freeze(int device) {
  bioscope_probe_freeze request{};
  request.fd = device;
  if (ioctl(fd_, BIOSCOPE_PROBE_FREEZE, &request) == 0) return 0;
  if (is_misuse(errno) || errno == EMFILE || errno == EOPNOTSUPP) {
    return failed("freeze the device", errno);
  }
  return -errno;
}

Result<int> Probe::thaw(int device) {
  bioscope_probe_freeze request{};
  request.fd = device;
  if (ioctl(fd_, BIOSCOPE_PROBE_THAW, &request) == 0) return 0;
  if (is_misuse(errno) || errno == ESTALE) return failed("thaw the device", errno);
  return -errno;
}

Result<bioscope_probe_counters> Probe::counters(int device) {
  bioscope_probe_counters counters{};
  counters.fd = device;
  if (ioctl(fd_, BIOSCOPE_PROBE_COUNTERS, &counters) != 0) return failed("read counters", errno);
  return counters;
}

}  // namespace bioscope
