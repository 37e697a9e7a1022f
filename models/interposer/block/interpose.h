// SPDX-License-Identifier: Apache-2.0
// The redirect: a block device whose bios go to an interposer. This is what the seed describes, in
// the block core's own terms; device mapper is one user of it (dm/attach.h).
//
// Invariants:
//   I1  The pointer is tested after the queue was entered and stored while the queue is frozen, so
//       once attach() has returned every bio that is not through yet has the hop, whether it was
//       plugged, throttled or queued by recursion (P2).
//   I2  On a hit the submitter takes a reference on the interposer, leaves the queue, and hands the
//       bio over: bi_bdev stays, the sector counts from the start of the interposed device, and
//       BIO_REMAPPED says whether that is bi_bdev or the disk below it. So what the interposer
//       gives back by submit_bio_noacct() aims itself anew.
//   I3  detach() returns when nobody holds a reference any more; the interposer may be freed then.
//       What the interposer still has inside it has to be drained by its owner before (P3).
//   I4  Bios of the bypass (BlockDevice::below()) pass the pointer of that block device, not those
//       of the disk below a partition (P6, P7).
//   I5  An interposer on a whole disk sees the bios of its partitions as well, remapped.
#pragma once

#include "models/interposer/block/bio.h"
#include "models/interposer/block/block_device.h"
#include "models/runtime/percpu_ref.h"

namespace bioscope::blk {

// Derived from by the mapped device. Members are called without locks.
class Interposer {
 public:
  virtual ~Interposer() = default;
  // With the sector relative to the interposed device. Takes the bio.
  virtual void submit_redirected(Bio& bio) = 0;
  // The interposed disk is going away (del_gendisk): after the return nothing may wait for the
  // owner to resume it; the pointer is cleared afterwards. Called once, between hold() and put(),
  // and not when hold() says false: then its owner removes it already and will detach.
  virtual void original_dies() = 0;
  [[nodiscard]] virtual bool hold() { return true; }
  virtual void put() {}
  virtual const std::string& interposer_name() const = 0;

  rt::PercpuRef redirects{"interposer_redirects"};  // one for each submitter inside (I2)
};

// EBUSY: it has another interposer; ENODEV: it is dying. Freezes and unfreezes the queue.
// REQUIRES: the caller keeps the file systems on it frozen.
[[nodiscard]] int interposer_attach(BlockDevice& bdev, Interposer& interposer);
// Idempotent: a no-op if it is not this block device's interposer. REQUIRES: not called from
// within a submission.
void interposer_detach(BlockDevice& bdev, Interposer& interposer);
// Whose turn it is before the driver, and on which block device; null: the driver's.
struct Redirect {
  Interposer* interposer = nullptr;
  BlockDevice* device = nullptr;  // bi_bdev's original, or its whole disk
};
// REQUIRES: the bio was remapped and has entered the queue.
Redirect redirect_of(const Bio& bio);

// bd_interposer_lock of the posted patches. Nothing, unless D-d is planted: then who submits to the
// block device holds it for reading (submit.cc), and a suspend of the interposer that is about to
// drain it has to hold it for writing, from before bios are held back until it has resumed.
void posted_lock_write(BlockDevice& bdev);
void posted_unlock_write(BlockDevice& bdev);

}  // namespace bioscope::blk
