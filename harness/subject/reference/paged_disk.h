// SPDX-License-Identifier: Apache-2.0
// A disk in pages of a pool: as rt::MemoryDisk, but what was never written costs nothing, whatever
// the size, and nothing is allocated from one trace to the next.
#pragma once

#include <vector>

#include "harness/subject/reference/pools.h"
#include "models/runtime/atomic.h"
#include "models/runtime/disk.h"

namespace bioscope::reference {

// Completes within submit(); no cache, so every write is durable. Made and destroyed within one
// run. Each request is one step.
class PagedDisk final : public rt::Disk {
 public:
  // `pool` outlives it.
  PagedDisk(PagePool& pool, u64 size_sectors);
  ~PagedDisk() override;

  u64 size_sectors() const override { return size_sectors_; }
  // What lies behind a smaller end is gone, as with ftruncate(2).
  void resize(u64 size_sectors);
  void submit(rt::DiskIo& io) override;

 private:
  // Open addressing by linear probing; the number of a page plus one, 0 for a free slot.
  struct Slot {
    u64 key = 0;
    u8* page = nullptr;
  };
  u8* find(u64 number) const;
  u8* make(u64 number, bool whole);
  void grow();
  void move(rt::DiskIo& io);
  void zero(u64 first_sector, u64 count_sectors);

  PagePool& pool_;
  rt::AtomicObject object_;
  u64 size_sectors_;
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace bioscope::reference
