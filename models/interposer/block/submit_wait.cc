// SPDX-License-Identifier: Apache-2.0
// Those that wait: submit_bio_wait() (block/bio.c) and what is made of it.
#include <algorithm>
#include <cassert>

#include "models/interposer/block/block_device.h"
#include "models/interposer/block/plug.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/variants.h"
#include "models/runtime/completion.h"

namespace bioscope::blk {
namespace {

constexpr u64 kMaxSectors = 65536;  // of one bio here

// Takes the bio. One whose wait is unwound is still on its way and stays behind.
int submit_wait_and_put(Bio* bio) {
  const int status = submit_bio_wait(*bio);
  bio_put(bio);
  return status;
}

int transfer(BlockDevice& bdev, BioOp op, OpFlags opf, u64 sector, u8* memory, u64 bytes) {
  assert(bytes % kSectorBytes == 0);
  u64 left = bytes / kSectorBytes;
  while (left > 0) {
    const u64 count = std::min(left, kMaxSectors);
    const iovec segment{memory, count * kSectorBytes};
    Bio* bio = bio_alloc(&bdev, op, opf, sector, count, {&segment, 1});
    if (const int error = submit_wait_and_put(bio); error != 0) return error;
    memory += segment.iov_len;
    sector += count;
    left -= count;
  }
  return 0;
}

}  // namespace

int submit_bio_wait(Bio& bio) {
  rt::Completion ended("submit_bio_wait");
  bio.context = &ended;
  bio.end_io = [](Bio& done) { static_cast<rt::Completion*>(done.context)->complete(); };
  bio.opf |= kReqSync;
  submit_bio(bio);
  if (!planted(Defect::PlugKeptWhileWaiting)) flush_plug();
  ended.wait();
  return bio.status;
}

int blkdev_issue_flush(BlockDevice& bdev) {
  return submit_wait_and_put(bio_alloc(&bdev, BioOp::Write, kReqPreflush, 0, 0, {}));
}

int blkdev_read(BlockDevice& bdev, u64 sector, std::span<u8> bytes) {
  return transfer(bdev, BioOp::Read, 0, sector, bytes.data(), bytes.size());
}

int blkdev_write(BlockDevice& bdev, u64 sector, std::span<const u8> bytes, OpFlags opf) {
  // A write only reads the memory; an iovec cannot say so.
  return transfer(bdev, BioOp::Write, opf, sector, const_cast<u8*>(bytes.data()), bytes.size());
}

}  // namespace bioscope::blk
