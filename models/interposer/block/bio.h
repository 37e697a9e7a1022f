// SPDX-License-Identifier: Apache-2.0
// struct bio: an I/O on its way down a stack of block devices. Members are public, as in the
// kernel: drivers and targets rewrite them while they have the bio.
//
// Invariants:
//   B1  A bio ends exactly once: end_io is called when every part that was chained to it, and the
//       bio itself, have ended (R19). A second bio_endio() fails the run.
//   B2  The first nonzero status of the children wins; an error of the parent itself overwrites it
//       (block/bio.c:307). A child's error waits in `remaining` until the parent ends: children end
//       in tasks of their own, so `status` is of who has the parent.
//   B3  bio_split() takes 0 < n < sectors (R12); the front is new, the rest keeps the bio.
//   B4  Clones and fronts share the segments of their source, each with an iterator of its own;
//       who made the segments keeps them until the bio that he submitted has ended.
// Nobody but who has the bio may touch it; bio_endio() of its children is thread-safe.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "models/base/types.h"
#include "models/runtime/atomic.h"

namespace bioscope::blk {

class BlockDevice;
struct Bio;

enum class BioOp : u8 { Read, Write, Flush, Discard, SecureErase, WriteZeroes };

using OpFlags = u32;
inline constexpr OpFlags kReqFua = 1U << 0;
inline constexpr OpFlags kReqPreflush = 1U << 1;
inline constexpr OpFlags kReqNowait = 1U << 2;
inline constexpr OpFlags kReqRahead = 1U << 3;
inline constexpr OpFlags kReqSync = 1U << 4;
inline constexpr OpFlags kReqMeta = 1U << 5;
inline constexpr OpFlags kReqNoUnmap = 1U << 6;
inline constexpr OpFlags kReqNoMerge = 1U << 7;  // the front of a split (R14)

using BioFlags = u32;
inline constexpr BioFlags kBioRemapped = 1U << 0;   // from a partition to its disk (R2)
inline constexpr BioFlags kBioThrottled = 1U << 1;  // passed the throttle already
inline constexpr BioFlags kBioEnded = 1U << 2;      // end_io was called: B1
// Only for the variants v8 and v9. It is inside an interposer; so is what it was cloned from
// (BIO_INTERPOSED, which clones inherit); it stood at the tail of the list once.
inline constexpr BioFlags kBioRedirected = 1U << 3;
inline constexpr BioFlags kBioInterposed = 1U << 4;
inline constexpr BioFlags kBioTailAppended = 1U << 5;

// bvec_iter. size_bytes counts also where there is no data (discard, write zeroes).
struct BvecIter {
  u64 sector = 0;
  u64 size_bytes = 0;
  u32 index = 0;       // into the segments
  u32 done_bytes = 0;  // of that segment
};

inline constexpr u32 kNoCause = ~0U;

// What a target keeps with each clone (dm_per_bio_data).
inline constexpr std::size_t kPerBioDataBytes = 160;
// What the driver that made a bio keeps in front of it (front_pad of its bio_set).
inline constexpr std::size_t kFrontPadBytes = 128;

struct Bio {
  BlockDevice* bdev = nullptr;
  BioOp op = BioOp::Read;
  OpFlags opf = 0;
  BioFlags flags = 0;
  int status = 0;  // 0 or a positive errno, as blk_status_to_errno() would have it
  BvecIter iter;
  std::span<const iovec> segments;
  void (*end_io)(Bio& bio) = nullptr;  // owns the bio from then on: it calls bio_put()
  void* context = nullptr;             // bi_private: of who set end_io
  bool chained = false;                // BIO_CHAIN: `remaining` counts; of bio_chain()
  // Below, who has not ended yet: the bio and its children. Above, the first child's error.
  rt::Atomic<u64> remaining{1, "bi_remaining"};
  Bio* next = nullptr;   // bio_list
  u32 cause = kNoCause;  // the operation of the trace that it belongs to; for watchers
  u32 number = 0;        // given by the watcher, 0 without one
  alignas(std::max_align_t) std::array<std::byte, kFrontPadBytes> front_pad;
  alignas(std::max_align_t) std::array<std::byte, kPerBioDataBytes> per_bio_data;
};

// A bio of `sectors` from `sector` on; segments may be empty for operations without data.
// Ends with bio_put().
Bio* bio_alloc(BlockDevice* bdev, BioOp op, OpFlags opf, u64 sector, u64 sectors,
               std::span<const iovec> segments);
// bio_alloc_clone: shares the segments, starts with the iterator's present state, inherits op,
// flags of the operation, cause; BIO_REMAPPED only where the device is the same (R20).
Bio* bio_alloc_clone(BlockDevice* bdev, const Bio& source);
void bio_put(Bio* bio);

inline u64 bio_sectors(const Bio& bio) {
  return bio.iter.size_bytes / kSectorBytes;
}
inline u64 bio_end_sector(const Bio& bio) {
  return bio.iter.sector + bio_sectors(bio);
}
inline bool bio_is_write(const Bio& bio) {
  return bio.op != BioOp::Read;
}  // op_is_write()
// Read or write of at least one sector.
bool bio_has_data(const Bio& bio);
// An empty write with kReqPreflush.
bool bio_is_empty_flush(const Bio& bio);

// Sets the device and clears BIO_REMAPPED; another device throttles anew (include/linux/bio.h:514).
void bio_set_dev(Bio& bio, BlockDevice* bdev);
void bio_advance(Bio& bio, u64 bytes);
// Cuts it to `sectors` from `offset_sectors` on (bio_trim).
void bio_trim(Bio& bio, u64 offset_sectors, u64 sectors);
// B3. The front has `end_io` unset: who splits chains it, or completes it himself.
Bio* bio_split(Bio& bio, u64 sectors);
// `bio` ends into `parent`: the parent waits for it and takes its error (bio_chain).
void bio_chain(Bio& bio, Bio& parent);
void bio_endio(Bio& bio);
// bio_inc_remaining(): one part more has to end by bio_end_part() or bio_endio(). REQUIRES: the
// caller's own has not ended.
void bio_inc_remaining(Bio& bio);
// bio_endio() of one of the parts that a driver has cut a bio into; they may end side by side. The
// first error wins (B2).
void bio_end_part(Bio& bio, int error);
// With a status: bio_io_error() and its like.
void bio_end_with(Bio& bio, int status);

// Calls visit(address, bytes) for each piece of memory that the iterator still covers, in order;
// what it says first that is false ends it.
template <typename Visit>
void bio_for_each_segment(const Bio& bio, Visit&& visit) {
  if (!bio_has_data(bio)) return;
  u64 left = bio.iter.size_bytes;
  u64 skip = bio.iter.done_bytes;
  for (std::size_t i = bio.iter.index; left > 0 && i < bio.segments.size(); ++i, skip = 0) {
    const iovec& segment = bio.segments[i];
    const u64 bytes = std::min<u64>(segment.iov_len - skip, left);
    if (bytes > 0 && !visit(static_cast<u8*>(segment.iov_base) + skip, bytes)) return;
    left -= bytes;
  }
}
// That memory, in place of what `out` held.
void bio_copy_segments(const Bio& bio, std::vector<iovec>& out);
// zero_fill_bio(): of a read.
void bio_zero_fill(Bio& bio);

// bio_list: a queue by Bio::next. Not thread-safe.
class BioList {
 public:
  bool empty() const { return head_ == nullptr; }
  u32 size() const { return size_; }
  Bio* peek() const { return head_; }
  void add(Bio* bio);               // to the tail
  void add_head(Bio* bio);          // to the head
  Bio* pop();                       // null when empty
  void merge(BioList& other);       // other's to the tail; empties it
  void merge_head(BioList& other);  // other's to the head, in their order; empties it
  BioList take() {
    BioList all = *this;
    *this = {};
    return all;
  }

 private:
  Bio* head_ = nullptr;
  Bio* tail_ = nullptr;
  u32 size_ = 0;
};

}  // namespace bioscope::blk
