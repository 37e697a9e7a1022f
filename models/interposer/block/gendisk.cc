// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/gendisk.h"

#include <cerrno>
#include <mutex>
#include <utility>

#include "models/interposer/block/system.h"

namespace bioscope::blk {

Gendisk::Gendisk(System& system, std::string name, Driver& driver, const QueueLimits& limits,
                 u64 nr_sectors)
    : system_(system),
      driver_(driver),
      queue_(limits),
      whole_(std::make_unique<BlockDevice>(*this, std::move(name), 0, nr_sectors, false)) {}

Gendisk::~Gendisk() = default;

int Gendisk::add_partition(u64 start_sector, u64 nr_sectors) {
  const u64 disk_sectors = whole_->nr_sectors();
  if (nr_sectors == 0 || nr_sectors > disk_sectors || start_sector > disk_sectors - nr_sectors) {
    return EINVAL;
  }
  if (dead()) return ENXIO;
  for (const auto& other : partitions_) {
    if (start_sector < other->start_sector() + other->nr_sectors() &&
        start_sector + nr_sectors > other->start_sector()) {
      return EBUSY;
    }
  }
  const std::string name = whole_->name() + "p" + std::to_string(partitions_.size() + 1);
  auto partition = std::make_unique<BlockDevice>(*this, name, start_sector, nr_sectors, true);
  const std::lock_guard guard(system_.lock_);
  if (added_) {
    if (const int error = system_.add_name(*partition); error != 0) return error;
  }
  partitions_.push_back(std::move(partition));
  return 0;
}

void Gendisk::resize(u64 nr_sectors) {
  whole_->set_nr_sectors(nr_sectors);
}

}  // namespace bioscope::blk
