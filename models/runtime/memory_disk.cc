// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/memory_disk.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

namespace bioscope::rt {

MemoryDisk::MemoryDisk(u64 size_sectors)
    : object_{"memory_disk", next_object_number()},
      size_sectors_(size_sectors),
      bytes_(static_cast<u8*>(std::calloc(size_sectors, kSectorBytes)),
             [](u8* bytes) { std::free(bytes); }) {
  if (bytes_ == nullptr && size_sectors > 0) throw std::bad_alloc();
}

void MemoryDisk::submit(DiskIo& io) {
  before_access(object_, io.operation == DiskOperation::Read ? Access::Read : Access::Write);
  const int error = check_io(io, size_sectors_);
  if (error == 0 && io.operation != DiskOperation::Flush) {
    const std::span<u8> bytes(&bytes_[io.first_sector * kSectorBytes],
                              io.count_sectors * kSectorBytes);
    if (io.operation == DiskOperation::Read) {
      scatter(bytes, io);
    } else if (io.operation == DiskOperation::Write) {
      gather(io, bytes);
    } else {
      std::memset(bytes.data(), 0, bytes.size());
    }
  }
  io.done(io, error);
}

}  // namespace bioscope::rt
