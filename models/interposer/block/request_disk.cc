// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/request_disk.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "models/interposer/block/plug.h"
#include "models/interposer/block/pool.h"
#include "models/interposer/block/split.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/variants.h"

namespace bioscope::blk {
namespace {

// The steps of D2 (REQ_FSEQ_*), in the order in which they are taken.
constexpr u32 kPreflush = 1U << 0;
constexpr u32 kData = 1U << 1;
constexpr u32 kPostflush = 1U << 2;

// blk_flush_policy(). A queue without a cache never sees the flags (R4).
u32 steps_of(const Bio& bio, const QueueLimits& limits) {
  u32 steps = bio_sectors(bio) > 0 ? kData : 0;
  const bool preflush_lost = planted(Defect::PreflushOfDataLost) && (steps & kData) != 0;
  if ((bio.opf & kReqPreflush) != 0 && !preflush_lost) steps |= kPreflush;
  if ((bio.opf & kReqFua) != 0 && !limits.fua && !planted(Defect::FuaLost)) steps |= kPostflush;
  return steps;
}

rt::DiskOperation operation_of(BioOp op) {
  switch (op) {
    case BioOp::Read:
      return rt::DiskOperation::Read;
    case BioOp::Write:
      return rt::DiskOperation::Write;
    case BioOp::Flush:
      return rt::DiskOperation::Flush;
    case BioOp::Discard:
    case BioOp::SecureErase:
      return rt::DiskOperation::Discard;
    case BioOp::WriteZeroes:
      return rt::DiskOperation::WriteZeroes;
  }
  return rt::DiskOperation::Flush;
}

}  // namespace

// struct request: one bio on its way through the steps.
struct RequestDisk::Request : Plugged {
  RequestDisk* disk;
  Bio* bio;
  u32 steps;  // still to be taken; the lowest is under way or next
  bool fua;
  rt::DiskIo io;
  std::vector<iovec> pieces;  // of a bio that covers segments only in part

  void start() {
    io.context = this;
    io.done = [](rt::DiskIo& done, int error) {
      static_cast<Request*>(done.context)->step_ended(error);
    };
    issue_step();
  }

 private:
  u32 current() const { return steps & (~steps + 1); }

  void issue_step() {
    const bool data = current() == kData;
    io.operation = data ? operation_of(bio->op) : rt::DiskOperation::Flush;
    io.fua = data && fua;
    io.first_sector = data ? bio->iter.sector : 0;
    io.count_sectors = data ? bio_sectors(*bio) : 0;
    io.segments = {};
    if (data && bio_has_data(*bio)) io.segments = memory();
    disk->below_.submit(io);
  }

  // The segments themselves where the bio covers them whole, which is the rule.
  std::span<const iovec> memory() {
    const BvecIter& iter = bio->iter;
    u64 bytes = 0;
    std::size_t end = iter.index;
    if (iter.done_bytes == 0) {
      while (bytes < iter.size_bytes && end < bio->segments.size()) {
        bytes += bio->segments[end++].iov_len;
      }
      if (bytes == iter.size_bytes) return bio->segments.subspan(iter.index, end - iter.index);
    }
    bio_copy_segments(*bio, pieces);
    return pieces;
  }

  void step_ended(int error) {
    steps &= steps - 1;
    if (error != 0 && planted(Defect::PreflushErrorIgnored) && steps != 0) error = 0;
    if (error == 0 && steps != 0) return issue_step();
    // The queue is left last (D3): then nobody holds the disk any more.
    RequestDisk& of = *disk;
    Bio& ended = *bio;
    Pool<Request>::destroy(this);
    bio_end_with(ended, error);
    of.in_flight_.fetch_sub(1);
    of.disk_.queue().exit();
  }
};

RequestDisk::RequestDisk(System& system, std::string name, rt::Disk& below,
                         const QueueLimits& limits, u64 nr_sectors)
    : below_(below), disk_(system, std::move(name), *this, limits, nr_sectors) {}

// blk_mq_submit_bio(). The queue's reference is the request's from here on.
void RequestDisk::submit_bio(Bio& whole) {
  RequestQueue& queue = disk_.queue();
  const QueueLimits& limits = queue.limits();
  Bio* bio = &whole;
  if (const u64 sectors = split_point(whole, limits); sectors > 0) {
    const bool data = bio_has_data(whole);
    if (data && (whole.opf & kReqNowait) != 0 && !planted(Defect::NowaitIsSplit)) {
      bio_end_with(whole, EAGAIN);  // R13
      return queue.exit();
    }
    bio = bio_split(whole, sectors);
    if (!planted(Defect::FrontMayMerge)) bio->opf |= kReqNoMerge;
    bio_chain(*bio, whole);
    submit_bio_noacct(whole);
  }
  in_flight_.fetch_add(1);
  auto* request = Pool<Request>::make();
  request->disk = this;
  request->bio = bio;
  request->steps = steps_of(*bio, limits);
  request->fua = (bio->opf & kReqFua) != 0 && limits.fua;
  request->issue = [](Plugged& plugged) { static_cast<Request&>(plugged).start(); };
  // Flushes are not kept back: they go past the plug, to the machinery of their own.
  if ((bio->opf & (kReqPreflush | kReqFua)) == 0 && Plug::add(*request)) return;
  request->start();
}

}  // namespace bioscope::blk
