// SPDX-License-Identifier: Apache-2.0
// dm_io() for those that wait (drivers/md/dm-io.c).
#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <vector>

#include "models/interposer/block/plug.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/dm/kcopyd.h"
#include "models/interposer/variants.h"
#include "models/runtime/completion.h"

namespace bioscope::dm {
namespace {

using blk::BioOp;

// struct io: what its bios share.
struct SyncIo {
  std::atomic<u32> count{1};  // bios under way, and the submitter
  std::atomic<int> error{0};
  rt::Completion done{"dm_io"};

  void drop(int bio_error) {
    int none = 0;
    if (bio_error != 0) error.compare_exchange_strong(none, bio_error);
    if (count.fetch_sub(1) == 1) done.complete();
  }
};

void end_io(blk::Bio& bio) {
  auto& io = *static_cast<SyncIo*>(bio.context);
  const int error = bio.status;
  bio_put(&bio);
  io.drop(error);
}

// Of one bio; 0: the device does not offer the operation.
u64 max_sectors(blk::BlockDevice& bdev, BioOp op) {
  if (op == BioOp::Discard) return bdev.queue().copy_limits().max_discard_sectors;
  if (op == BioOp::WriteZeroes) return bdev.queue().copy_limits().max_write_zeroes_sectors;
  return kMaxIoSectors;
}

}  // namespace

int dm_io_sync(const IoRegion& where, BioOp op, blk::OpFlags opf, std::span<u8> bytes) {
  blk::BlockDevice* bdev =
      planted(Defect::HelperIoRedirected) ? &where.bdev->original() : where.bdev;
  const bool data = op == BioOp::Read || op == BioOp::Write;
  assert(!data || bytes.size() == where.count_sectors * kSectorBytes);
  const u64 most = max_sectors(*bdev, op);
  if (most == 0) return EOPNOTSUPP;
  if (where.count_sectors == 0 && (opf & blk::kReqPreflush) == 0) return 0;

  SyncIo io;
  std::vector<iovec> segments;  // of all, so that none moves
  segments.reserve(where.count_sectors / most + 1);
  {
    blk::Plug plug;
    u64 offset = 0;
    do {
      const u64 count = std::min(where.count_sectors - offset, most);
      std::span<const iovec> segment;
      if (data && count > 0) {
        segments.push_back({bytes.data() + offset * kSectorBytes, count * kSectorBytes});
        segment = {&segments.back(), 1};
      }
      blk::Bio* bio =
          bio_alloc(bdev, op, opf | blk::kReqSync, where.sector + offset, count, segment);
      bio->end_io = &end_io;
      bio->context = &io;
      io.count.fetch_add(1);
      submit_bio(*bio);
      offset += count;
    } while (offset < where.count_sectors);
  }
  blk::flush_plug();  // of an outer scope: nothing that is waited for may be kept back
  io.drop(0);
  io.done.wait();
  return io.error.load();
}

}  // namespace bioscope::dm
