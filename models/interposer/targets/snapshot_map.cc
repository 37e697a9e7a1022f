// SPDX-License-Identifier: Apache-2.0
// Bios to a snapshot: snapshot_map() and snapshot_end_io().
#include "models/interposer/targets/snapshot.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "models/interposer/block/submit.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {

MapResult Snapshot::map(blk::Bio& clone) {
  TrackedChunks::init(clone);
  if ((clone.opf & blk::kReqPreflush) != 0) {
    blk::bio_set_dev(clone, cow_.bdev);
    return MapResult::Remapped;
  }
  if (blk::bio_is_write(clone)) wait_for_copies();
  const Step step = map_locked(clone);
  if (step.full != nullptr) start_full_bio(*step.full, clone);
  if (step.copy != nullptr) start_copy(*step.copy);
  if (step.zero) zero_copy(clone);
  if (step.no_room) out_of_room();
  return step.result;
}

Snapshot::Step Snapshot::map_locked(blk::Bio& clone) {
  const rt::ReadGuard guard(lock_);
  std::unique_lock tables(pe_lock_);
  const bool write = blk::bio_is_write(clone);
  if (!valid_ && !(planted(Defect::InvalidServesReads) && !write)) {
    return {.result = MapResult::Kill};
  }
  if (overflowed_ && write) return {.result = MapResult::Kill};
  const u64 chunk = store_->sector_to_chunk(clone.iter.sector);
  if (clone.op == blk::BioOp::Discard && features_.discard_passdown_origin &&
      target_bio_number(clone) != 0) {
    // Past the origin's hook: exceptions for what is being given back would take the space again.
    blk::bio_set_dev(clone, origin_.bdev);
    tracked_.track(clone, chunk);
    return {};
  }
  const std::optional<u64> copy = complete_.find(chunk);
  if (copy) remap_to_copy(clone, *copy);
  if (clone.op == blk::BioOp::Discard) return map_discard(clone, copy.has_value());
  if (copy) return {};
  if (write) return map_write(clone, chunk, tables);
  blk::bio_set_dev(clone, origin_.bdev);
  if (!planted(Defect::ReadsNotTracked)) tracked_.track(clone, chunk);  // S1
  return {};
}

// A whole chunk of a copy is zeroed; part of one goes down. Where there is no copy it is ignored,
// since it would only make one; and where it reaches into the next chunk, whose copy may be
// anywhere (6.1 discards what lies behind the copy of the first).
Snapshot::Step Snapshot::map_discard(blk::Bio& clone, bool copied) {
  const u64 within = clone.iter.sector & store_->chunk_mask();
  const bool crosses = within + blk::bio_sectors(clone) > store_->chunk_sectors() &&
                       !planted(Defect::DiscardCrossesChunk);
  if (!copied || crosses) {
    blk::bio_endio(clone);
    return {.result = MapResult::Submitted};
  }
  if (!covers_chunk(clone)) return {};
  return {.result = MapResult::Submitted, .zero = true};
}

Snapshot::Step Snapshot::map_write(blk::Bio& clone, u64 chunk,
                                   std::unique_lock<rt::Mutex>& tables) {
  PendingException* pending = pending_.find(chunk);
  if (pending == nullptr) {
    std::optional<u64> copy;
    pending = make_pending(chunk, tables, copy);
    if (copy) {
      remap_to_copy(clone, *copy);
      return {};
    }
    if (pending == nullptr) return {.result = MapResult::Kill, .no_room = true};
  }
  remap_to_copy(clone, pending->exception.new_chunk);
  const bool first = !std::exchange(pending->started, true);
  const bool whole = covers_chunk(clone) && !planted(Defect::FullChunkCopies);
  if (first && (whole || planted(Defect::PartialNotCopied))) {
    return {.result = MapResult::Submitted, .full = pending};
  }
  pending->snapshot_bios.add(&clone);
  return {.result = MapResult::Submitted, .copy = first ? pending : nullptr};
}

bool Snapshot::covers_chunk(const blk::Bio& clone) const {
  return blk::bio_sectors(clone) == store_->chunk_sectors();
}

void Snapshot::remap_to_copy(blk::Bio& clone, u64 new_chunk) const {
  blk::bio_set_dev(clone, cow_.bdev);
  const u64 within = clone.iter.sector & store_->chunk_mask();
  clone.iter.sector = store_->chunk_to_sector(new_chunk) | within;
}

// R68: userspace that knows Overflow keeps a snapshot that can still be read.
void Snapshot::out_of_room() {
  const rt::WriteGuard guard(lock_);
  if (store_->overflow_supported && !planted(Defect::OverflowInvalidates)) {
    if (valid_) overflowed_ = true;
    return;
  }
  invalidate_locked(ENOMEM);
}

// start_full_bio(): the write itself makes the copy (R66). It goes down as a clone of its own, so
// that the bio is still to be ended when the exception is complete.
void Snapshot::start_full_bio(PendingException& pending, blk::Bio& clone) {
  pending.full_bio = &clone;
  begin_copy();
  blk::Bio* whole = blk::bio_alloc_clone(clone.bdev, clone);
  whole->context = &pending;
  whole->end_io = [](blk::Bio& ended) {
    auto& waiting = *static_cast<PendingException*>(ended.context);
    const int error = ended.status;
    blk::bio_put(&ended);
    waiting.snapshot.kcopyd_->do_callback(
        [&waiting, error](int, int) { waiting.snapshot.copy_done(waiting, error); });
  };
  blk::submit_bio_noacct(*whole);
}

// zero_exception(), on kcopyd's worker as the kernel's dm_kcopyd_zero().
void Snapshot::zero_copy(blk::Bio& clone) {
  begin_copy();
  kcopyd_->do_callback([this, &clone](int, int) {
    std::vector<u8> zeroes(clone.iter.size_bytes);
    const IoRegion region{cow_.bdev, clone.iter.sector, blk::bio_sectors(clone)};
    const int error = dm_io_sync(region, blk::BioOp::Write, 0, zeroes);
    end_copy();
    blk::bio_end_with(clone, error == 0 ? 0 : EIO);
  });
}

EndResult Snapshot::end_io(blk::Bio& clone, int&) {
  tracked_.stop(clone);
  return EndResult::Done;
}

}  // namespace bioscope::dm
