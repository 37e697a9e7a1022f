// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/disk.h"

#include <cerrno>
#include <cstring>

#include "models/runtime/completion.h"

namespace bioscope::rt {

int submit_and_wait(Disk& disk, DiskIo& io) {
  struct Wait {
    Completion completion{"disk_io"};
    int error = 0;
  } wait;
  io.context = &wait;
  io.done = [](DiskIo& done, int error) {
    auto& waiting = *static_cast<Wait*>(done.context);
    waiting.error = error;
    waiting.completion.complete();
  };
  disk.submit(io);
  wait.completion.wait();
  return wait.error;
}

int check_io(const DiskIo& io, u64 size_sectors) {
  if (io.operation == DiskOperation::Flush) return 0;
  if (io.count_sectors > size_sectors || io.first_sector > size_sectors - io.count_sectors) {
    return EIO;
  }
  if (io.operation != DiskOperation::Read && io.operation != DiskOperation::Write) return 0;
  u64 bytes = 0;
  for (const iovec& segment : io.segments) bytes += segment.iov_len;
  return bytes == io.count_sectors * kSectorBytes ? 0 : EINVAL;
}

void gather(const DiskIo& io, std::span<u8> bytes) {
  u8* to = bytes.data();
  for (const iovec& segment : io.segments) {
    std::memcpy(to, segment.iov_base, segment.iov_len);
    to += segment.iov_len;
  }
}

void scatter(std::span<const u8> bytes, const DiskIo& io) {
  const u8* from = bytes.data();
  for (const iovec& segment : io.segments) {
    std::memcpy(segment.iov_base, from, segment.iov_len);
    from += segment.iov_len;
  }
}

}  // namespace bioscope::rt
