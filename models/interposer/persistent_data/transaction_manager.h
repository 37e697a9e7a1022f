// SPDX-License-Identifier: Apache-2.0
// Copy-on-write transactions over the block manager (dm-transaction-manager.c).
//
// Invariants:
//   T1  No block that a superblock on the disk refers to is changed: it is shadowed, which means
//       copied to a new block, once for each transaction.
//   T2  What a superblock refers to is durable before the superblock is written, and the superblock
//       is durable when commit() returns 0.
//   T3  A shadow of a block with other parents (`shared`) leaves them the original; whoever asked
//       for the shadow counts the children once more.
#pragma once

#include <unordered_set>

#include "models/interposer/persistent_data/block_manager.h"
#include "models/interposer/persistent_data/metadata_space_map.h"

namespace bioscope::persistent_data {

class TransactionManager {
 public:
  struct Shadow {
    WriteLock lock;
    bool shared = false;
  };

  // Without create() or open() it only reads. The block manager must outlive it.
  explicit TransactionManager(BlockManager& blocks) : blocks_(blocks), space_map_(*this) {}
  TransactionManager(const TransactionManager&) = delete;
  TransactionManager& operator=(const TransactionManager&) = delete;

  // A new space map over the whole store, which begins after the superblock. ENOSPC, EIO: the
  // store is too small for it.
  [[nodiscard]] int create(u64 superblock) { return space_map_.create(superblock); }

  // The space map as a superblock describes it. EINVAL: it describes none.
  [[nodiscard]] int open(const SpaceMapRoot& root) { return space_map_.open(root); }

  BlockManager& block_manager() { return blocks_; }
  MetadataSpaceMap& space_map() { return space_map_; }
  const MetadataSpaceMap& space_map() const { return space_map_; }

  // ENOSPC: none is free.
  OrErrno<WriteLock> new_block(const BlockValidator& validator);

  // The block itself if it is already of this transaction and not shared, else a copy of it; one
  // reference to the original is dropped then.
  OrErrno<Shadow> shadow_block(u64 original, const BlockValidator& validator);

  OrErrno<ReadLock> read_lock(u64 block, const BlockValidator& validator) {
    return blocks_.read_lock(block, &validator);
  }

  [[nodiscard]] int inc(u64 block) { return space_map_.inc(block, 1); }
  [[nodiscard]] int dec(u64 block) { return space_map_.dec(block, 1); }

  // Writes everything but the superblock, durably. The root of the space map is final after it.
  [[nodiscard]] int pre_commit();

  // Writes the superblock, durably, and begins the next transaction. After an error the old or the
  // new superblock may be the one on the disk; neither loses a block (S1).
  // REQUIRES: pre_commit() and no change after it.
  [[nodiscard]] int commit(WriteLock superblock);

 private:
  BlockManager& blocks_;
  MetadataSpaceMap space_map_;
  std::unordered_set<u64> shadows_;  // blocks that were made in this transaction
};

}  // namespace bioscope::persistent_data
