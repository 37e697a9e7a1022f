// SPDX-License-Identifier: Apache-2.0
// The block device at the bottom of every stack.
#pragma once

#include <sys/uio.h>

#include <span>

#include "models/base/types.h"

namespace bioscope::rt {

enum class DiskOperation : u8 { Read, Write, Flush, Discard, WriteZeroes };

// One request. It and what it points at belong to the disk from submit() until done() is called.
struct DiskIo {
  DiskOperation operation = DiskOperation::Read;
  bool fua = false;  // of a write
  u64 first_sector = 0;
  u64 count_sectors = 0;            // 0 for a flush
  std::span<const iovec> segments;  // of a read or write: together count_sectors long
  // Called once, by any thread, perhaps before submit() returns. error: 0 or a positive errno.
  // Must not wait for what takes a completion of the same disk to happen.
  void (*done)(DiskIo& io, int error) = nullptr;
  void* context = nullptr;  // the submitter's
};

// Thread-safe.
class Disk {
 public:
  virtual ~Disk() = default;
  virtual u64 size_sectors() const = 0;
  virtual void submit(DiskIo& io) = 0;
};

// Submits, and waits until it is done. Returns the error.
int submit_and_wait(Disk& disk, DiskIo& io);

// 0; EIO: it goes past the end; EINVAL: its segments are not count_sectors long.
int check_io(const DiskIo& io, u64 size_sectors);

// Between the segments of one request and flat memory of the same length.
void gather(const DiskIo& io, std::span<u8> bytes);
void scatter(std::span<const u8> bytes, const DiskIo& io);

}  // namespace bioscope::rt
