// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/freeze.h"

#include <cerrno>
#include <mutex>

#include "models/interposer/variants.h"

namespace bioscope::blk {

int freeze_bdev(BlockDevice& device) {
  BlockDevice& bdev = device.original();
  const std::lock_guard guard(bdev.freeze_mutex);
  ++bdev.freeze_count;
  if (bdev.freeze_count > 1) {
    // FITHAW may have thawed it meanwhile (R24): then this one has to freeze it, or writes would
    // go on under a suspend. Linux does not look (measured: stock bug G).
    const SuperBlock* earlier = bdev.frozen_super_block;
    if (earlier == nullptr || bdev.frozen_super_block->frozen()) return 0;
  }
  if (bdev.super_block == nullptr) return 0;  // nothing is cached here that a sync would write
  const int error = bdev.super_block->freeze();
  if (error != 0) {
    if (!planted(Defect::FailedFreezeCounts)) --bdev.freeze_count;
    return error;
  }
  bdev.frozen_super_block = bdev.super_block;
  return 0;
}

int thaw_bdev(BlockDevice& device) {
  BlockDevice& bdev = device.original();
  const std::lock_guard guard(bdev.freeze_mutex);
  if (bdev.freeze_count == 0) return EINVAL;
  --bdev.freeze_count;
  if (bdev.freeze_count > 0 && !planted(Defect::ThawAtFirst)) return 0;
  SuperBlock* super_block = bdev.frozen_super_block;
  if (super_block == nullptr) return 0;
  const int error = super_block->thaw();
  // EINVAL: FITHAW was first (R24). The count goes down all the same, or the block device would
  // stay frozen for good, as it does on Linux (stock bug G).
  if (error != 0 && error != EINVAL) {
    ++bdev.freeze_count;
    return error;
  }
  bdev.frozen_super_block = nullptr;
  return 0;
}

int set_super_block(BlockDevice& device, SuperBlock& super_block) {
  BlockDevice& bdev = device.original();
  const std::lock_guard guard(bdev.freeze_mutex);
  if (bdev.freeze_count > 0 && !planted(Defect::MountWhileFrozen)) return EBUSY;
  bdev.super_block = &super_block;
  return 0;
}

void clear_super_block(BlockDevice& device) {
  BlockDevice& bdev = device.original();
  const std::lock_guard guard(bdev.freeze_mutex);
  bdev.super_block = nullptr;
  bdev.frozen_super_block = nullptr;
}

}  // namespace bioscope::blk
