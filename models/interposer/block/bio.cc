// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/bio.h"

#include <cassert>
#include <cstring>

#include "models/interposer/block/block_device.h"
#include "models/interposer/block/gendisk.h"
#include "models/interposer/block/pool.h"
#include "models/interposer/block/system.h"
#include "models/interposer/block/watcher.h"
#include "models/interposer/variants.h"
#include "models/runtime/run.h"

namespace bioscope::blk {
namespace {

constexpr u32 kErrorShift = 32;  // of Bio::remaining

u32 count_of(u64 remaining) {
  return static_cast<u32>(remaining);
}

Watcher* watcher_of(const BlockDevice* bdev) {
  return bdev != nullptr ? bdev->disk().system().watcher() : nullptr;
}

// bio_chain_endio(): a mark; bio_endio() does it without recursion.
void chain_end_io(Bio& bio) {
  bio_put(&bio);
}

// One of those that `bio` waits for has ended, with the error of a child. False: not the last.
bool drop_remaining(Bio& bio, int child_error) {
  if (planted(Defect::ChildErrorDropped)) child_error = 0;
  const u64 before = bio.remaining.fetch_update([child_error](u64 remaining) {
    if (count_of(remaining) == 0) return remaining;
    const bool first = remaining >> kErrorShift == 0;
    return remaining - 1 + (first ? static_cast<u64>(child_error) << kErrorShift : 0);
  });
  if (count_of(before) == 0) {
    rt::fail("bio_endio: a chained bio ended more often than it has parts");
    return false;
  }
  if (count_of(before) > 1) return false;
  const int earlier = static_cast<int>(before >> kErrorShift);
  const int of_children = earlier != 0 ? earlier : child_error;
  const bool parent_first = !planted(Defect::ChildErrorOverParents);
  if (bio.status == 0 || (!parent_first && of_children != 0)) bio.status = of_children;
  return true;
}

}  // namespace

Bio* bio_alloc(BlockDevice* bdev, BioOp op, OpFlags opf, u64 sector, u64 sectors,
               std::span<const iovec> segments) {
  Bio* bio = Pool<Bio>::make();
  bio->bdev = bdev;
  bio->op = op;
  bio->opf = opf;
  bio->iter.sector = sector;
  bio->iter.size_bytes = sectors * kSectorBytes;
  bio->segments = segments;
  return bio;
}

Bio* bio_alloc_clone(BlockDevice* bdev, const Bio& source) {
  Bio* bio = Pool<Bio>::make();
  bio->bdev = bdev;
  bio->op = source.op;
  bio->opf = source.opf;
  const bool same = bdev != nullptr && bdev == source.bdev;
  if (same || planted(Defect::CloneKeepsRemapped)) bio->flags = source.flags & kBioRemapped;
  if (planted(Defect::FlagHidesSecond) && (source.flags & (kBioRedirected | kBioInterposed)) != 0) {
    bio->flags |= kBioInterposed;
  }
  bio->iter = source.iter;
  bio->segments = source.segments;
  bio->cause = source.cause;
  if (Watcher* watcher = watcher_of(source.bdev)) watcher->was_cloned(*bio, source);
  return bio;
}

void bio_put(Bio* bio) {
  if (bio->chained && (bio->flags & kBioEnded) == 0) {
    rt::fail("bio_put: a bio that others are chained to has not ended");
    return;
  }
  Pool<Bio>::destroy(bio);
}

bool bio_has_data(const Bio& bio) {
  return bio.iter.size_bytes > 0 && (bio.op == BioOp::Read || bio.op == BioOp::Write);
}

bool bio_is_empty_flush(const Bio& bio) {
  return bio.op == BioOp::Write && bio.iter.size_bytes == 0 && (bio.opf & kReqPreflush) != 0;
}

void bio_set_dev(Bio& bio, BlockDevice* bdev) {
  if (!planted(Defect::SetDevKeepsRemapped)) bio.flags &= ~kBioRemapped;
  if (bio.bdev != bdev) bio.flags &= ~kBioThrottled;
  bio.bdev = bdev;
}

void bio_advance(Bio& bio, u64 bytes) {
  assert(bytes <= bio.iter.size_bytes);
  const bool data = bio_has_data(bio);
  BvecIter& iter = bio.iter;
  iter.sector += bytes / kSectorBytes;
  iter.size_bytes -= bytes;
  if (!data) return;
  u64 from_start = iter.done_bytes + bytes;  // of the segment
  while (iter.index < bio.segments.size() && from_start >= bio.segments[iter.index].iov_len) {
    from_start -= bio.segments[iter.index++].iov_len;
  }
  iter.done_bytes = static_cast<u32>(from_start);
}

void bio_trim(Bio& bio, u64 offset_sectors, u64 sectors) {
  assert(offset_sectors + sectors <= bio_sectors(bio));
  bio_advance(bio, offset_sectors * kSectorBytes);
  bio.iter.size_bytes = sectors * kSectorBytes;
}

Bio* bio_split(Bio& bio, u64 sectors) {
  if (sectors == 0 || sectors >= bio_sectors(bio)) {
    rt::fail("bio_split: a part has to be smaller than the bio, and not empty (R12)");
    sectors = 0;
  }
  Bio* front = Pool<Bio>::make();
  front->bdev = bio.bdev;
  front->op = bio.op;
  front->opf = bio.opf;
  front->flags = bio.flags;
  front->iter = bio.iter;
  front->iter.size_bytes = sectors * kSectorBytes;
  front->segments = bio.segments;
  front->cause = bio.cause;
  bio_advance(bio, (planted(Defect::SplitDropsSector) ? sectors + 1 : sectors) * kSectorBytes);
  if (Watcher* watcher = watcher_of(bio.bdev)) watcher->was_split(*front, bio);
  return front;
}

void bio_chain(Bio& bio, Bio& parent) {
  assert(bio.end_io == nullptr);
  bio.context = &parent;
  bio.end_io = &chain_end_io;
  // Not written again: a child that is ending reads it.
  if (!parent.chained) parent.chained = true;
  if (!planted(Defect::ChainNotCounted)) parent.remaining.fetch_add(1);
}

void bio_inc_remaining(Bio& bio) {
  if (!bio.chained) bio.chained = true;
  bio.remaining.fetch_add(1);
}

void bio_endio(Bio& bio) {
  bio_end_part(bio, 0);
}

void bio_end_part(Bio& ended, int error) {
  Bio* bio = &ended;
  int child_error = error;
  if (!bio->chained && error != 0) bio->status = error;
  for (;;) {
    if (bio->chained && !drop_remaining(*bio, child_error)) return;
    if ((bio->flags & kBioEnded) != 0) {
      rt::fail("bio_endio: a bio ended twice");
      return;
    }
    bio->flags |= kBioEnded;
    if (Watcher* watcher = watcher_of(bio->bdev)) watcher->ended(*bio);
    if (bio->end_io != &chain_end_io) break;
    auto* parent = static_cast<Bio*>(bio->context);
    child_error = bio->status;
    bio_put(bio);
    bio = parent;
  }
  if (bio->end_io != nullptr) bio->end_io(*bio);
}

void bio_end_with(Bio& bio, int status) {
  if (status != 0) bio.status = status;
  bio_endio(bio);
}

void bio_copy_segments(const Bio& bio, std::vector<iovec>& out) {
  out.clear();
  bio_for_each_segment(bio, [&out](u8* address, u64 bytes) {
    out.push_back({address, bytes});
    return true;
  });
}

void bio_zero_fill(Bio& bio) {
  bio_for_each_segment(bio, [](u8* address, u64 bytes) {
    std::memset(address, 0, bytes);
    return true;
  });
}

void BioList::add(Bio* bio) {
  bio->next = nullptr;
  (tail_ != nullptr ? tail_->next : head_) = bio;
  tail_ = bio;
  ++size_;
}

void BioList::add_head(Bio* bio) {
  bio->next = head_;
  head_ = bio;
  if (tail_ == nullptr) tail_ = bio;
  ++size_;
}

Bio* BioList::pop() {
  Bio* bio = head_;
  if (bio == nullptr) return nullptr;
  head_ = bio->next;
  if (head_ == nullptr) tail_ = nullptr;
  bio->next = nullptr;
  --size_;
  return bio;
}

void BioList::merge(BioList& other) {
  if (other.empty()) return;
  (tail_ != nullptr ? tail_->next : head_) = other.head_;
  tail_ = other.tail_;
  size_ += other.size_;
  other = {};
}

void BioList::merge_head(BioList& other) {
  if (other.empty()) return;
  other.tail_->next = head_;
  head_ = other.head_;
  if (tail_ == nullptr) tail_ = other.tail_;
  size_ += other.size_;
  other = {};
}

}  // namespace bioscope::blk
