// SPDX-License-Identifier: Apache-2.0
// How often each block is referred to, as it lies on the disk (dm-space-map-common.c: ll_disk, the
// form with one index block that metadata devices use): two bits for each block in bitmap blocks,
// an index of the bitmap blocks, and a tree with the counts above two.
//
// Invariants:
//   C1  Two bits hold 0, 1, 2, or 3 for "more", and then the tree has the count (>= 3).
//   C2  nr_allocated counts the blocks that are referred to; an index entry's nr_free the blocks of
//       its bitmap that are not, over all that the bitmap has room for (what era_restore wrote
//       counts only those that exist). It is a hint: 0 means that a search need not look.
//   C3  No block of a bitmap below none_free_before is free.
#pragma once

#include <array>

#include "models/interposer/persistent_data/block_manager.h"
#include "models/interposer/persistent_data/btree.h"

namespace bioscope::persistent_data {

inline constexpr u32 kMaxBitmaps = 255;                          // MAX_METADATA_BITMAPS
inline constexpr u32 kCountsPerBitmap = (kBlockBytes - 16) * 4;  // after its header
inline constexpr u64 kMaxMetadataBlocks = u64{kMaxBitmaps} * kCountsPerBitmap;

// What a superblock keeps of a space map (struct disk_sm_root).
struct SpaceMapRoot {
  u64 nr_blocks = 0;
  u64 nr_allocated = 0;
  u64 index_block = 0;  // bitmap_root
  u64 ref_count_root = 0;
  bool operator==(const SpaceMapRoot&) const = default;
};

// Changes shadow blocks and so ask the transaction manager for new ones, which asks the space map,
// which asks this: the metadata space map orders that. A copy is the map as it was, for as long as
// the blocks that it names are left alone.
class ReferenceCounts {
 public:
  explicit ReferenceCounts(TransactionManager& transactions);

  // An empty map of no blocks; then one of `blocks` more, all free. EINVAL: too many for the index.
  [[nodiscard]] int create();
  [[nodiscard]] int extend(u64 blocks);

  // EINVAL: more blocks than an index can name, or more allocated than there are.
  [[nodiscard]] int open(const SpaceMapRoot& root);

  const SpaceMapRoot& root() const { return root_; }

  // 0 to 3 as in the bitmap, and the true count. EINVAL: there is no such block.
  OrErrno<u32> lookup_bitmap(u64 block) const;
  OrErrno<u32> lookup(u64 block) const;

  // The first block from `begin` on with count 0. ENOSPC: there is none.
  OrErrno<u64> find_free(u64 begin) const;

  // One more, one less for each block of [begin, begin + count). EINVAL: out of bounds, or a count
  // is 0 already. An error leaves some of the blocks counted and the map consistent.
  [[nodiscard]] int inc(u64 begin, u64 count);
  [[nodiscard]] int dec(u64 begin, u64 count);

  // Writes the index block if an entry has changed.
  [[nodiscard]] int write_index();

 private:
  struct IndexEntry {
    u64 block = 0;
    u32 nr_free = 0;
    u32 none_free_before = 0;
  };
  class OpenBitmap;
  using Change = int (ReferenceCounts::*)(OpenBitmap&, u64 block);

  int for_each_bitmap(u64 begin, u64 count, Change change);
  int inc_one(OpenBitmap& bitmap, u64 block);
  int dec_one(OpenBitmap& bitmap, u64 block);
  int change_big_count(u64 block, bool up, u32& old_count);

  TransactionManager* transactions_;
  Btree ref_count_tree_;
  SpaceMapRoot root_;
  std::array<IndexEntry, kMaxBitmaps> index_{};
  bool index_changed_ = false;
};

}  // namespace bioscope::persistent_data
