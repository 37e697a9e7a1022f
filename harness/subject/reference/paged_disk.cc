// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/paged_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "models/base/hash.h"

namespace bioscope::reference {
namespace {

constexpr std::size_t kFirstSlots = 64;

}  // namespace

PagedDisk::PagedDisk(PagePool& pool, u64 size_sectors)
    : pool_(pool),
      object_{"disk", rt::next_object_number()},
      size_sectors_(size_sectors),
      slots_(kFirstSlots) {}

PagedDisk::~PagedDisk() {
  for (const Slot& slot : slots_) {
    if (slot.key != 0) pool_.give_back(slot.page);
  }
}

u8* PagedDisk::find(u64 number) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = mix64(number) & mask; slots_[i].key != 0; i = (i + 1) & mask) {
    if (slots_[i].key == number + 1) return slots_[i].page;
  }
  return nullptr;
}

// `whole`: the caller overwrites all of it.
u8* PagedDisk::make(u64 number, bool whole) {
  if (2 * used_ >= slots_.size()) grow();
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = mix64(number) & mask;
  while (slots_[i].key != 0 && slots_[i].key != number + 1) i = (i + 1) & mask;
  if (slots_[i].key == 0) {
    slots_[i] = {number + 1, pool_.take()};
    ++used_;
    if (!whole) std::memset(slots_[i].page, 0, kPageBytes);
  }
  return slots_[i].page;
}

void PagedDisk::grow() {
  std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 4));
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.key == 0) continue;
    std::size_t i = mix64(slot.key - 1) & mask;
    while (slots_[i].key != 0) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

void PagedDisk::resize(u64 size_sectors) {
  if (size_sectors < size_sectors_) zero(size_sectors, size_sectors_ - size_sectors);
  size_sectors_ = size_sectors;
}

void PagedDisk::submit(rt::DiskIo& io) {
  rt::before_access(object_,
                    io.operation == rt::DiskOperation::Read ? rt::Access::Read : rt::Access::Write);
  const int error = rt::check_io(io, size_sectors_);
  if (error == 0) {
    switch (io.operation) {
      case rt::DiskOperation::Read:
      case rt::DiskOperation::Write:
        move(io);
        break;
      case rt::DiskOperation::Discard:
      case rt::DiskOperation::WriteZeroes:
        zero(io.first_sector, io.count_sectors);
        break;
      case rt::DiskOperation::Flush:
        break;
    }
  }
  io.done(io, error);
}

void PagedDisk::move(rt::DiskIo& io) {
  const bool reads = io.operation == rt::DiskOperation::Read;
  u64 at_bytes = io.first_sector * kSectorBytes;
  for (const iovec& segment : io.segments) {
    u8* memory = static_cast<u8*>(segment.iov_base);
    for (std::size_t left = segment.iov_len; left > 0;) {
      const std::size_t offset = at_bytes % kPageBytes;
      const std::size_t bytes = std::min(left, kPageBytes - offset);
      const u64 number = at_bytes / kPageBytes;
      if (!reads) {
        std::memcpy(make(number, bytes == kPageBytes) + offset, memory, bytes);
      } else if (const u8* page = find(number); page != nullptr) {
        std::memcpy(memory, page + offset, bytes);
      } else {
        std::memset(memory, 0, bytes);
      }
      memory += bytes;
      at_bytes += bytes;
      left -= bytes;
    }
  }
}

void PagedDisk::zero(u64 first_sector, u64 count_sectors) {
  const u64 end_sector = first_sector + count_sectors;
  const auto zero_within = [&](u64 number, u8* page) {
    const u64 start = std::max(first_sector, number * kPageSectors);
    const u64 end = std::min(end_sector, (number + 1) * kPageSectors);
    if (start < end) {
      std::memset(page + (start - number * kPageSectors) * kSectorBytes, 0,
                  (end - start) * kSectorBytes);
    }
  };
  // A page that is not there is zero already, so the pages bound the work and not the range.
  if (count_sectors / kPageSectors > slots_.size()) {
    for (const Slot& slot : slots_) {
      if (slot.key != 0) zero_within(slot.key - 1, slot.page);
    }
    return;
  }
  for (u64 number = first_sector / kPageSectors; number * kPageSectors < end_sector; ++number) {
    if (u8* page = find(number); page != nullptr) zero_within(number, page);
  }
}

}  // namespace bioscope::reference
