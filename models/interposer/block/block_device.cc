// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/block_device.h"

#include <cerrno>
#include <mutex>
#include <utility>

#include "models/interposer/block/gendisk.h"
#include "models/interposer/block/system.h"
#include "models/runtime/run.h"

namespace bioscope::blk {
namespace {

// What stands in bd_holder of a disk of which only partitions are claimed.
const char claimed_below = 0;

}  // namespace

BlockDevice::BlockDevice(Gendisk& disk, std::string name, u64 start_sector, u64 nr_sectors,
                         bool partition)
    : disk_(disk), start_sector_(start_sector), partition_(partition), nr_sectors_(nr_sectors) {
  rename(std::move(name));
  below_.reset(new BlockDevice(*this));
}

BlockDevice::BlockDevice(BlockDevice& bypass_of)
    : disk_(bypass_of.disk_),
      start_sector_(bypass_of.start_sector_),
      partition_(bypass_of.partition_),
      nr_sectors_(0),
      bypass_of_(&bypass_of) {}

void BlockDevice::rename(std::string name) {
  names_.push_back(std::move(name));
  name_.store(&names_.back());
}

RequestQueue& BlockDevice::queue() const {
  return disk_.queue();
}

BlockDevice& BlockDevice::whole() const {
  return disk_.whole();
}

int BlockDevice::claim(const void* holder) {
  const std::lock_guard guard(disk_.system().claim_lock());
  BlockDevice& disk = whole();
  if (holder_ != holder) {
    if (holder_ != nullptr) return EBUSY;
    if (&disk != this && disk.holder_ != nullptr && disk.holder_ != &claimed_below) return EBUSY;
  }
  if (&disk != this) {
    ++disk.holders_;
    disk.holder_ = &claimed_below;
  }
  ++holders_;
  holder_ = holder;
  return 0;
}

void BlockDevice::release_claim(const void* holder) {
  const std::lock_guard guard(disk_.system().claim_lock());
  if (holder_ != holder || holders_ == 0) {
    rt::fail("close: " + name() + " was not claimed by this holder");
    return;
  }
  if (--holders_ == 0) holder_ = nullptr;
  BlockDevice& disk = whole();
  if (&disk != this && --disk.holders_ == 0) disk.holder_ = nullptr;
}

int BlockDevice::open(const void* holder) {
  if (is_bypass()) return original().open(holder);
  if (holder != nullptr) {
    if (const int error = claim(holder); error != 0) return error;
  }
  int error = disk_.dead() ? ENXIO : disk_.driver().open();
  if (error != 0) {
    if (holder != nullptr) release_claim(holder);
    return error;
  }
  openers_.fetch_add(1);
  if (&whole() != this) whole().openers_.fetch_add(1);
  return 0;
}

void BlockDevice::close(const void* holder) {
  if (is_bypass()) return original().close(holder);
  if (holder != nullptr) release_claim(holder);
  if (openers_.fetch_sub(1) == 0) {
    rt::fail("close: " + name() + " was not open");
    return;
  }
  if (&whole() != this) whole().openers_.fetch_sub(1);
  disk_.driver().release();
}

bool BlockDevice::claimed() {
  BlockDevice& device = original();
  const std::lock_guard guard(disk_.system().claim_lock());
  return device.holder_ != nullptr;
}

}  // namespace bioscope::blk
