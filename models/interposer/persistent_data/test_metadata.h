// SPDX-License-Identifier: Apache-2.0
// A metadata device with a superblock that keeps a space map and one root, for the tests.
#pragma once

#include <gtest/gtest.h>

#include <optional>

#include "models/interposer/persistent_data/little_endian.h"
#include "models/interposer/persistent_data/recording_store.h"
#include "models/interposer/persistent_data/transaction_manager.h"

namespace bioscope::persistent_data {

inline constexpr BlockValidator kTestSuperblock{.name = "test", .seal = {.checksum_xor = 42}};

class TestMetadata {
 public:
  explicit TestMetadata(u64 blocks) : store_(blocks) {
    reset();
    EXPECT_EQ(transactions().create(0), 0);
    EXPECT_EQ(write_superblock(true), 0);
  }

  TransactionManager& transactions() { return *transactions_; }
  MetadataSpaceMap& space_map() { return transactions_->space_map(); }
  BlockManager& blocks() { return *blocks_; }
  RecordingStore& store() { return store_; }

  int commit() { return write_superblock(false); }

  // As after a crash or a restart: what was not committed is gone.
  void reopen() {
    reset();
    SpaceMapRoot root;
    {
      const OrErrno<ReadLock> block = blocks_->read_lock(0, &kTestSuperblock);
      ASSERT_TRUE(block.has_value());
      const u8* at = block->bytes().data() + 16;
      root = {load_le<u64>(at), load_le<u64>(at + 8), load_le<u64>(at + 16), load_le<u64>(at + 24)};
    }
    ASSERT_EQ(transactions_->open(root), 0);
  }

 private:
  void reset() {
    transactions_.reset();
    blocks_.emplace(store_);
    transactions_.emplace(*blocks_);
  }

  int write_superblock(bool fresh) {
    if (const int error = transactions_->pre_commit()) return error;
    OrErrno<WriteLock> block = fresh ? blocks_->write_lock_zero(0, kTestSuperblock)
                                     : blocks_->write_lock(0, kTestSuperblock);
    if (!block) return block.error();
    const SpaceMapRoot& root = space_map().root();
    u8* at = block->bytes().data() + 16;
    store_le(at, root.nr_blocks);
    store_le(at + 8, root.nr_allocated);
    store_le(at + 16, root.index_block);
    store_le(at + 24, root.ref_count_root);
    return transactions_->commit(std::move(*block));
  }

  RecordingStore store_;
  std::optional<BlockManager> blocks_;
  std::optional<TransactionManager> transactions_;
};

}  // namespace bioscope::persistent_data
