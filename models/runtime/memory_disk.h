// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "models/runtime/atomic.h"
#include "models/runtime/disk.h"

namespace bioscope::rt {

// A disk in memory that completes within submit(), as brd does; no cache, so every write is
// durable. Thread-safe for requests that do not overlap; those that do race, as on a disk. sim:
// each request is one step, and the completion is part of it.
class MemoryDisk final : public Disk {
 public:
  explicit MemoryDisk(u64 size_sectors);

  u64 size_sectors() const override { return size_sectors_; }
  void submit(DiskIo& io) override;

 private:
  AtomicObject object_;
  u64 size_sectors_;
  std::unique_ptr<u8[], void (*)(u8*)> bytes_;  // of calloc: pages never written cost nothing
};

}  // namespace bioscope::rt
