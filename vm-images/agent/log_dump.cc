// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "models/trace/log_summary.h"
#include "vm-images/agent/operations.h"

namespace bioscope {

// O_DIRECT, so that what is told is what the device holds and not what an earlier reader left in
// the page cache.
Outcome perform_log_dump(Stage& stage, Worker& worker, OperationId id) {
  constexpr u64 kChunkBytes = 256U << 10;
  const int fd = open_device(stage, operation_at(stage.trace, id).device, O_RDONLY | O_DIRECT);
  if (fd < 0) return failed(-fd);
  const File file(fd);
  u64 size_bytes = 0;
  if (ioctl(fd, BLKGETSIZE64, &size_bytes) != 0) return failed(errno);
  const auto ring = worker.ring();
  const std::span<u8> buffer = worker.buffer(kChunkBytes);
  if (!ring || buffer.empty()) return failed(ENOMEM);
  LogSummary log(stage.trace.seed);
  for (u64 offset = 0; offset < size_bytes && log.wants_more();) {
    const std::span<u8> chunk = buffer.first(std::min(kChunkBytes, size_bytes - offset));
    const int result = (*ring)->read(fd, chunk, offset, 0);
    if (result < 0) return failed(-result);
    const u64 sectors = static_cast<u64>(result) / kSectorBytes;
    if (sectors == 0) return failed(EIO);
    for (u64 i = 0; i < sectors && log.wants_more(); ++i) {
      log.take(chunk.subspan(i * kSectorBytes, kSectorBytes));
    }
    offset += sectors * kSectorBytes;
  }
  const auto text = log.text();
  if (!text) return Outcome{EINVAL, 0, {}, text.error().message};
  return Outcome{0, 0, {}, *text};
}

}  // namespace bioscope
