// SPDX-License-Identifier: Apache-2.0
// submit_bio_noacct() and what follows: block/blk-core.c.
//
// Invariants:
//   U1  One ->submit_bio at a time is active in a task; what is submitted meanwhile is queued on
//       the task's list (R7).
//   U2  Under a bio-based head the next bio is chosen lowest level first: those for other queues,
//   in
//       order, then those for the same queue, then the older ones; under a request-based head plain
//       FIFO (R8).
//   U3  An interposer is a bio-based driver in this, also as the head. Same level as a redirected
//       bio is what goes to the same block device, above the interposer; its bypass is lower.
#pragma once

#include <cstddef>
#include <span>

#include "models/interposer/block/bio.h"
#include "models/interposer/block/block_device.h"

namespace bioscope::blk {

inline constexpr std::size_t kBioListSlot = 0;  // of rt::task_slot(): current->bio_list

// Checks the bio (R1-R6), passes the throttle, and sends it on its way. Errors end the bio.
void submit_bio(Bio& bio);
// As submit_bio(), for bios that drivers and targets make: the same checks.
void submit_bio_noacct(Bio& bio);
// For a bio that was checked before: the throttle's and split remainders.
void submit_bio_noacct_nocheck(Bio& bio);

// Submits and waits; plugged requests of the task are let go first. Returns the status. `bio` is
// still the caller's: bio_put().
int submit_bio_wait(Bio& bio);

// blkdev_issue_flush() and friends; bios of at most 65536 sectors in a row. 0 or errno.
int blkdev_issue_flush(BlockDevice& bdev);

// Reads and writes of flat memory for metadata. `bytes` is whole sectors; waits.
int blkdev_read(BlockDevice& bdev, u64 sector, std::span<u8> bytes);
int blkdev_write(BlockDevice& bdev, u64 sector, std::span<const u8> bytes, OpFlags opf);

}  // namespace bioscope::blk
