// SPDX-License-Identifier: Apache-2.0
// Block I/O: io_uring with O_DIRECT, so that each operation is bios and nothing is cached. The node
// is opened for each operation, so a device that no operation is using can be removed.
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "vm-images/agent/operations.h"
#include "vm-images/agent/probe_operations.h"

namespace bioscope {
namespace {

Outcome outcome_of(int result) {
  if (result < 0) return failed(-result);
  Outcome outcome;
  outcome.count_sectors = static_cast<u64>(result) / kSectorBytes;
  return outcome;
}

Outcome ioctl_range(int fd, unsigned long request, Range range) {
  u64 bytes[2] = {range.first_sector * kSectorBytes, range.count_sectors * kSectorBytes};
  if (ioctl(fd, request, bytes) != 0) return failed(errno);
  Outcome outcome;
  outcome.count_sectors = range.count_sectors;
  return outcome;
}

}  // namespace

Outcome read_sectors(Worker& worker, int fd, Range range, int rw_flags) {
  const auto ring = worker.ring();
  const std::span<u8> bytes = worker.buffer(range.count_sectors * kSectorBytes);
  if (!ring || bytes.empty()) return failed(ENOMEM);
  Outcome outcome =
      outcome_of((*ring)->read(fd, bytes, range.first_sector * kSectorBytes, rw_flags));
  for (u64 i = 0; i < outcome.count_sectors; ++i) {
    append_sector(outcome.data, read_sector(bytes.subspan(i * kSectorBytes, kSectorBytes)));
  }
  return outcome;
}

Outcome write_stamps(Worker& worker, int fd, Range range, Stamp first, int rw_flags) {
  const auto ring = worker.ring();
  const std::span<u8> bytes = worker.buffer(range.count_sectors * kSectorBytes);
  if (!ring || bytes.empty()) return failed(ENOMEM);
  Stamp stamp = first;
  for (u64 i = 0; i < range.count_sectors; ++i, ++stamp.sector) {
    write_stamp(stamp, bytes.subspan(i * kSectorBytes, kSectorBytes));
  }
  return outcome_of((*ring)->write(fd, bytes, range.first_sector * kSectorBytes, rw_flags));
}

Outcome perform_io(Stage& stage, Worker& worker, OperationId id) {
  const Operation& operation = operation_at(stage.trace, id);
  const bool flushes_first = operation.flags.has(OperationFlag::Preflush);
  const bool needs_probe = flushes_first || operation.flags.has(OperationFlag::Rahead);
  if (operation.kind == OperationKind::Bio || (needs_probe && stage.probe != nullptr)) {
    return perform_bio(stage, worker, id);
  }
  const bool reads = operation.kind == OperationKind::Read;
  const int fd = open_device(stage, operation.device, (reads ? O_RDONLY : O_RDWR) | O_DIRECT);
  if (fd < 0) return failed(-fd);
  const File file(fd);
  int rw_flags = 0;
  if (operation.flags.has(OperationFlag::Nowait)) rw_flags |= RWF_NOWAIT;
  if (operation.flags.has(OperationFlag::Fua)) rw_flags |= RWF_DSYNC;
  const auto ring = worker.ring();
  if (!ring) return failed(ENOMEM);
  // The nearest thing that user space can issue without the probe.
  if (flushes_first) {
    if (const int result = (*ring)->sync(fd); result < 0) return failed(-result);
  }
  switch (operation.kind) {
    case OperationKind::Read:
      return read_sectors(worker, fd, operation.range, rw_flags);
    case OperationKind::Write:
      return write_stamps(worker, fd, operation.range,
                          Stamp{id, operation.range.first_sector, stage.trace.seed}, rw_flags);
    case OperationKind::Flush:
      return outcome_of((*ring)->sync(fd));
    case OperationKind::Discard:
      return ioctl_range(fd, BLKDISCARD, operation.range);
    case OperationKind::SecureErase:
      return ioctl_range(fd, BLKSECDISCARD, operation.range);
    case OperationKind::WriteZeroes: {
      // The mode that does not fall back to writing zeroes: REQ_OP_WRITE_ZEROES or EOPNOTSUPP.
      // With nounmap the kernel has only one that does.
      const int mode = FALLOC_FL_KEEP_SIZE |
                       (operation.flags.has(OperationFlag::NoUnmap) ? FALLOC_FL_ZERO_RANGE
                                                                    : FALLOC_FL_PUNCH_HOLE);
      const int result = (*ring)->fallocate(fd, mode, operation.range.first_sector * kSectorBytes,
                                            operation.range.count_sectors * kSectorBytes);
      if (result < 0) return failed(-result);
      Outcome outcome;
      outcome.count_sectors = operation.range.count_sectors;
      return outcome;
    }
    default:
      return failed(ENOSYS);
  }
}

}  // namespace bioscope
