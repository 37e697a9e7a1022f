// SPDX-License-Identifier: Apache-2.0
// freeze_bdev(), thaw_bdev(): block/bdev.c:261. Thread-safe.
#pragma once

#include "models/interposer/block/block_device.h"

namespace bioscope::blk {

// Counts; the first one freezes the file system that is mounted on the block device, if there is
// one, and syncs otherwise (R21, R23). 0, or the file system's error: then it does not count.
[[nodiscard]] int freeze_bdev(BlockDevice& bdev);
// The last one thaws. EINVAL: the count is 0.
[[nodiscard]] int thaw_bdev(BlockDevice& bdev);

// get_tree_bdev(), kill_block_super(): a file system comes and goes. EBUSY: the block device is
// frozen (fs/super.c:1336).
[[nodiscard]] int set_super_block(BlockDevice& bdev, SuperBlock& super_block);
void clear_super_block(BlockDevice& bdev);

}  // namespace bioscope::blk
