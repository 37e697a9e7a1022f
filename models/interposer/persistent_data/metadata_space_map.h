// SPDX-License-Identifier: Apache-2.0
// The space map that manages the space it lies in itself (dm-space-map-metadata.c).
//
// Invariants:
//   S1  new_block() gives a block only if nothing refers to it now, no superblock that may be on
//       the disk refers to it, and no queued change does.
//   S2  A change of a count can itself need blocks. What is asked for while a change is under way
//       is queued and done when the outermost change is done, in the order it was asked for; a
//       queued change counts in count() and is_shared() from when it is asked for.
//   S3  Before the map exists (create()) blocks are given out in ascending order, and are counted
//       once the map can hold their counts.
#pragma once

#include <deque>
#include <vector>

#include "models/interposer/persistent_data/reference_counts.h"

namespace bioscope::persistent_data {

class TransactionManager;

class MetadataSpaceMap {
 public:
  explicit MetadataSpaceMap(TransactionManager& transactions);

  [[nodiscard]] int create(u64 superblock);
  [[nodiscard]] int open(const SpaceMapRoot& root);

  u64 nr_blocks() const { return counts_.root().nr_blocks; }

  // Blocks that could be given out now: what was freed since the last commit is not among them.
  u64 nr_free() const;

  // EINVAL: there is no such block.
  OrErrno<u32> count(u64 block) const;

  // Whether the count is above one; may be true of a block whose count is to fall to one (as
  // sm_metadata_count_is_more_than_one: it does not look above "more").
  OrErrno<bool> is_shared(u64 block) const;

  // Each block of [begin, begin + count) is referred to once more, once less. ENOMEM: more changes
  // are queued than any legal operation needs.
  [[nodiscard]] int inc(u64 begin, u64 count);
  [[nodiscard]] int dec(u64 begin, u64 count);

  // A block with count 1. ENOSPC: there is none.
  OrErrno<u64> new_block();

  // For the transaction manager's commit: the index goes to its block; a superblock with root() is
  // on its way to the disk; it is there, and those before it are not.
  [[nodiscard]] int write_index() { return counts_.write_index(); }
  void superblock_issued();
  void superblock_durable();

  const SpaceMapRoot& root() const { return counts_.root(); }

 private:
  static constexpr std::size_t kMaxQueued = 1024;  // MAX_RECURSIVE_ALLOCATIONS

  struct Change {
    bool up = false;
    u64 begin = 0;
    u64 count = 0;
  };

  int change(const Change& change);
  int enqueue(const Change& change);
  int apply(const Change& change);
  int apply_queued();
  int queued_adjustment(u64 block) const;
  OrErrno<u64> find_unused(u64 begin) const;
  OrErrno<bool> may_be_given_out(u64 block) const;

  TransactionManager* transactions_;
  ReferenceCounts counts_;
  // As of each superblock that may be on the disk: two while a commit is under way or in doubt.
  std::vector<ReferenceCounts> committed_;
  std::deque<Change> queued_;
  bool creating_ = false;
  bool changing_ = false;
  u64 next_ = 0;       // where the next search begins
  u64 given_out_ = 0;  // since the last superblock was issued
};

}  // namespace bioscope::persistent_data
