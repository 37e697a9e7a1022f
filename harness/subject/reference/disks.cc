// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/disks.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

namespace bioscope::reference {
namespace {

constexpr u32 kMostSectors = ~0U / kSectorBytes;  // UINT_MAX >> 9: what drivers mean by "any"
constexpr u32 kPageSizeBytes = 4096;
// drivers/block/nbd.c sets 256 sectors; others leave the default.
constexpr u32 kNbdMaxSectors = 256;
constexpr u32 kScsiWriteSameSectors = 0xffff;

}  // namespace

blk::QueueLimits limits_of(const Disk& disk) {
  const auto given = [](u32 value, u32 otherwise) { return value != 0 ? value : otherwise; };
  const u32 block_sectors = disk.logical_block_bytes / kSectorBytes;
  blk::QueueLimits limits;
  limits.logical_block_bytes = disk.logical_block_bytes;
  limits.physical_block_bytes =
      std::max(disk.logical_block_bytes, given(disk.physical_block_bytes, 0));
  limits.io_min_bytes = limits.physical_block_bytes;
  limits.max_sectors = given(disk.max_sectors, limits.max_sectors);
  limits.chunk_sectors = disk.chunk_sectors;
  limits.nowait = true;
  limits.write_cache = disk.cache == CacheMode::Volatile;
  limits.fua = limits.write_cache;
  switch (disk.kind) {
    case DiskKind::Null:  // neither discard nor write zeroes (R5)
      break;
    case DiskKind::Controlled:
      limits.max_sectors = given(disk.max_sectors, kNbdMaxSectors);
      limits.discard_granularity_bytes = disk.logical_block_bytes;
      limits.max_discard_sectors = given(disk.max_discard_sectors, kMostSectors);
      break;
    case DiskKind::Scsi:
      limits.discard_granularity_bytes =
          std::max(limits.physical_block_bytes,
                   std::max(disk.discard_granularity_sectors, block_sectors) * kSectorBytes);
      limits.discard_alignment_bytes = disk.discard_alignment_sectors * kSectorBytes;
      limits.max_discard_sectors = given(disk.max_discard_sectors, kMostSectors);
      limits.max_write_zeroes_sectors =
          given(disk.max_write_zeroes_sectors, kScsiWriteSameSectors * block_sectors);
      break;
    case DiskKind::Loop:
      limits.fua = false;
      limits.discard_granularity_bytes = kPageSizeBytes;
      limits.max_discard_sectors = given(disk.max_discard_sectors, kMostSectors);
      limits.max_write_zeroes_sectors = given(disk.max_write_zeroes_sectors, kMostSectors);
      break;
  }
  return limits;
}

MadeDisk::MadeDisk(blk::System& system, const Disk& description, PagePool& pages,
                   rt::sim::ScriptedDisk::Notify notify)
    : description_(description), system_(system) {
  rt::Disk* below = nullptr;
  if (description.kind == DiskKind::Controlled) {
    scripted_ = std::make_unique<rt::sim::ScriptedDisk>(description, std::move(notify));
    below = scripted_.get();
  } else {
    paged_ = std::make_unique<PagedDisk>(pages, description.size_sectors);
    below = paged_.get();
  }
  front_ = std::make_unique<blk::RequestDisk>(system, description.name, *below,
                                              limits_of(description), description.size_sectors);
  gendisk().whole().set_read_only(description.read_only);
  [[maybe_unused]] const int error = system.add_disk(gendisk());
  assert(error == 0 && "T1: names of disks are unique");
}

int MadeDisk::resize(u64 size_sectors) {
  if (!paged_) return EOPNOTSUPP;
  paged_->resize(size_sectors);
  gendisk().resize(size_sectors);
  return 0;
}

void MadeDisk::remove() {
  if (std::exchange(removed_, true)) return;
  system_.remove_disk(gendisk());
}

}  // namespace bioscope::reference
