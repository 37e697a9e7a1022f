// SPDX-License-Identifier: Apache-2.0
// dm_submit_bio() and what a bio goes through until its clones are under way.
//
// Invariants:
//   S1  A piece ends at the end of its target; where the target has a max_io_len also at a multiple
//       of it from the target's start, and at max_sectors (R41). The rest is resubmitted, so it
//       comes after the clones of the pieces before (R42).
//   S2  Discards and their like are cut to the queue's limits first, and then at the end of a
//   target
//       only; a target that gets no copies of one refuses it (R43).
//   S3  A flush goes to every target, as often as it wants; with data, the data follow once every
//       flush has succeeded (R44). An error of the flush ends the bio: Linux forgets it.
//   S4  A bio that was not aimed at this device is measured against what this device offers: the
//       limits of the original said nothing about it. It gets EAGAIN where it asked not to wait.
#include <algorithm>
#include <cerrno>
#include <mutex>

#include "models/interposer/block/split.h"
#include "models/interposer/block/submit.h"
#include "models/interposer/dm/io.h"
#include "models/interposer/dm/mapped_device.h"
#include "models/interposer/variants.h"
#include "models/runtime/run.h"

namespace bioscope::dm {
namespace {

using blk::Bio;
using blk::BioOp;

bool is_discard_like(const Bio& bio) {
  return bio.op == BioOp::Discard || bio.op == BioOp::SecureErase || bio.op == BioOp::WriteZeroes;
}

u32 copies_of(const Target& target, BioOp op) {
  switch (op) {
    case BioOp::Discard:
      return target.num_discard_bios;
    case BioOp::SecureErase:
      return target.num_secure_erase_bios;
    case BioOp::WriteZeroes:
      return target.num_write_zeroes_bios;
    default:
      return 1;
  }
}

bool is_offered(const blk::RequestQueue& queue, BioOp op) {
  switch (op) {
    case BioOp::Discard:
      return queue.offers_discard();
    case BioOp::SecureErase:
      return queue.offers_secure_erase();
    case BioOp::WriteZeroes:
      return queue.offers_write_zeroes();
    default:
      return true;
  }
}

// max_io_len(). S1.
u64 piece_sectors(const Target& target, u64 sector, u32 max_sectors) {
  const u64 offset = target.offset_of(sector);
  u64 length = target.count_sectors - offset;
  if (planted(Defect::SplitPastTarget)) ++length;
  const u64 most = target.max_io_len_sectors;
  if (most == 0) return length;
  u64 to_boundary = most - offset % most;
  if (planted(Defect::MaxIoLenOffByOne)) ++to_boundary;
  return std::min({length, u64{max_sectors}, to_boundary});
}

}  // namespace

void MappedDevice::submit_bio(Bio& bio) {
  const LiveTable live(*this);
  if (live.get() == nullptr) return bio_end_with(bio, EIO);  // R45
  if (has(kBlockIo)) return defer(bio);
  process(*live.get(), bio, false);
}

// The pointer is stored while the device is suspended and before its table is bound: so the
// suspension is asked for first (M5).
void MappedDevice::submit_redirected(Bio& bio) {
  const LiveTable live(*this);
  if (has(kOriginalDead)) return bio_end_with(bio, EIO);  // M7
  if (has(kBlockIo)) return defer(bio);
  if (live.get() == nullptr) return bio_end_with(bio, EIO);
  if (!planted(Defect::LimitsNotChecked) && !takes(bio, *live.get())) return;
  process(*live.get(), bio, true);
}

// S4. False: it has ended.
bool MappedDevice::takes(Bio& bio, const Table& table) {
  const u64 sectors = bio_sectors(bio);
  const u64 size_sectors = table.size_sectors();
  const blk::RequestQueue& queue = disk_.queue();
  const bool inside = sectors <= size_sectors && bio.iter.sector <= size_sectors - sectors;
  const bool wants_flush = (bio.opf & blk::kReqPreflush) != 0;
  if (sectors > 0 && !inside) {
    bio_end_with(bio, EIO);
  } else if ((bio.opf & blk::kReqNowait) != 0 && !queue.offers_nowait()) {
    bio_end_with(bio, EAGAIN);
  } else if (!is_offered(queue, bio.op)) {
    bio_end_with(bio, EOPNOTSUPP);
  } else if (sectors == 0 && wants_flush && !queue.has_write_cache()) {
    bio_endio(bio);
  } else {
    if (!queue.has_write_cache()) bio.opf &= ~(blk::kReqFua | blk::kReqPreflush);
    return true;
  }
  return false;
}

// R38.
void MappedDevice::defer(Bio& bio) {
  if ((bio.opf & blk::kReqNowait) != 0 && !planted(Defect::NowaitDeferred)) {
    return bio_end_with(bio, EAGAIN);
  }
  if ((bio.opf & blk::kReqRahead) != 0 && !planted(Defect::ReadaheadDeferred)) {
    return bio_end_with(bio, EIO);
  }
  queue_io(bio);
}

// To the deferred list. The worker is started once I/O flows: let_io_flow() starts it for what it
// finds in the list, this does for what comes later.
void MappedDevice::queue_io(Bio& bio) {
  {
    const std::lock_guard guard(deferred_lock_);
    const bool of_original = &bio.bdev->disk() != &disk_;
    if (!(of_original && has(kOriginalDead))) {
      planted(Defect::DeferredLifo) ? deferred_.add_head(&bio) : deferred_.add(&bio);
      if (has(kBlockIo) || planted(Defect::DeferredNotKicked)) return;
      start_work(resubmit_work_);
      return;
    }
  }
  bio_end_with(bio, EIO);
}

void MappedDevice::process(Table& table, Bio& whole, bool redirected) {
  if ((whole.opf & blk::kReqPreflush) != 0) return process_flush(table, whole);
  Target* target = table.find_target(whole.iter.sector);
  if (target == nullptr) return bio_end_with(whole, EIO);
  if ((whole.opf & blk::kReqNowait) != 0 && !target->nowait_supported) {
    const bool aware = !redirected || planted(Defect::LimitsNotChecked);
    return bio_end_with(whole, aware ? EOPNOTSUPP : EAGAIN);
  }
  const u32 copies = copies_of(*target, whole.op);
  if (copies == 0 || !is_offered(disk_.queue(), whole.op)) {  // the table was another one (S2)
    return bio_end_with(whole, EOPNOTSUPP);
  }

  // The limits are set while the device is suspended: nobody is in here then.
  const blk::QueueLimits& limits = disk_.queue().limits();
  Bio* bio = &whole;
  const bool discard_like = is_discard_like(whole);
  if (const u64 sectors = discard_like ? blk::split_point(whole, limits) : 0; sectors > 0) {
    bio = bio_split(whole, sectors);
    bio->opf |= blk::kReqNoMerge;
    bio_chain(*bio, whole);
    submit_bio_noacct(whole);
  }

  const u64 sector = bio->iter.sector;
  const u64 count_sectors = bio_sectors(*bio);
  u64 length_sectors =
      std::min(count_sectors, discard_like ? target->end_sector() - sector
                                           : piece_sectors(*target, sector, limits.max_sectors));
  Bio& first = first_clone(*bio);
  Io& io = front_pad(first).io;
  io.was_split = count_sectors > length_sectors;
  io.count.fetch_add(copies);
  blk::BioList clones;
  for (u32 number = 0; number < copies; ++number) {
    Bio& clone = number == 0 ? first : further_clone(io, *bio);
    clone.iter.size_bytes = length_sectors * kSectorBytes;
    TargetIo& target_io = front_pad(clone).target_io;
    target_io.target = target;
    target_io.number = number;
    target_io.length_sectors = copies == 1 ? &length_sectors : nullptr;
    clones.add(&clone);
  }
  while (Bio* clone = clones.pop()) map_clone(*clone);
  io.sectors = length_sectors;

  if (length_sectors < count_sectors && !planted(Defect::RemainderLost)) {
    const u64 skip = planted(Defect::RemainderOffByOne) ? length_sectors - 1 : length_sectors;
    bio_trim(*bio, skip, count_sectors - length_sectors);
    bio_inc_remaining(*bio);
    submit_bio_noacct(*bio);
  }
  drop(io, 0);
}

// S3.
void MappedDevice::process_flush(Table& table, Bio& bio) {
  Bio& first = first_clone(bio);
  Io& io = front_pad(first).io;
  bool unused = true;  // the first clone
  for (const auto& target : table.targets()) {
    io.count.fetch_add(target->num_flush_bios);
    for (u32 number = 0; number < target->num_flush_bios; ++number) {
      Bio& clone = unused ? first : further_clone(io, bio);
      unused = false;
      clone.op = BioOp::Write;
      clone.opf = blk::kReqPreflush | blk::kReqSync;
      clone.iter = {};
      clone.segments = {};
      TargetIo& target_io = front_pad(clone).target_io;
      target_io.target = target.get();
      target_io.number = number;
      map_clone(clone);
    }
    if (planted(Defect::FlushFirstTargetOnly)) break;
  }
  drop(io, 0);
}

// alloc_io(): the Io, and the clone that carries it.
Bio& MappedDevice::first_clone(Bio& bio) {
  Bio& clone = *bio_alloc_clone(&disk_.whole(), bio);
  clone.flags &= ~blk::kBioRemapped;
  FrontPad& pad = make_front_pad(clone);
  pad.target_io.io = &pad.io;
  pad.io.device = this;
  pad.io.clone = &clone;
  pad.io.original = &bio;
  pad.io.start = bio.iter;
  enter();
  return clone;
}

// alloc_tio().
Bio& MappedDevice::further_clone(Io& io, Bio& bio) {
  Bio& clone = *bio_alloc_clone(&disk_.whole(), bio);
  clone.flags &= ~blk::kBioRemapped;
  make_front_pad(clone).target_io.io = &io;
  return clone;
}

void MappedDevice::map_clone(Bio& clone) {
  TargetIo& target_io = front_pad(clone).target_io;
  if (!is_alive(*target_io.target)) return;
  clone.end_io = &clone_ended;
  switch (target_io.target->map(clone)) {
    case MapResult::Submitted:
      return;
    case MapResult::Remapped:
      return submit_bio_noacct(clone);
    case MapResult::Kill:
      return drop_clone(clone, EIO);
    case MapResult::Requeue:
      return drop_clone(clone, kPushBack);
  }
}

u32 target_bio_number(const Bio& clone) {
  return front_pad(clone).target_io.number;
}

void accept_partial_bio(Bio& clone, u64 sectors) {
  TargetIo& target_io = front_pad(clone).target_io;
  const u64 given = bio_sectors(clone);
  if (target_io.length_sectors == nullptr || sectors > given) {
    rt::fail("accept_partial_bio: of one of several copies, or more than there is");
    return;
  }
  *target_io.length_sectors -= given - sectors;
  clone.iter.size_bytes = sectors * kSectorBytes;
  target_io.io->was_split = true;
}

}  // namespace bioscope::dm
