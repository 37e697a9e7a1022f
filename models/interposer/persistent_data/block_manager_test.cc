// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/block_manager.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "models/interposer/persistent_data/recording_store.h"

namespace bioscope::persistent_data {
namespace {

constexpr BlockValidator kOne{.name = "one", .seal = {.checksum_xor = 1}};
constexpr BlockValidator kTwo{.name = "two", .seal = {.checksum_xor = 2}};

void write_block(BlockManager& blocks, u64 location, u8 value) {
  OrErrno<WriteLock> lock = blocks.write_lock_zero(location, kOne);
  ASSERT_TRUE(lock.has_value());
  lock->bytes()[100] = value;
}

TEST(BlockManager, WhatWasWrittenPassesItsValidatorAndNoOther) {
  RecordingStore store(4);
  {
    BlockManager blocks(store);
    write_block(blocks, 2, 7);
    EXPECT_EQ(blocks.flush(), 0);
    EXPECT_EQ(blocks.read_lock(2, &kTwo).error(), EINVAL);
  }
  BlockManager blocks(store);
  EXPECT_EQ(blocks.read_lock(2, &kTwo).error(), EILSEQ);
  const OrErrno<ReadLock> lock = blocks.read_lock(2, &kOne);
  ASSERT_TRUE(lock.has_value());
  EXPECT_EQ(lock->bytes()[100], 7);
}

TEST(BlockManager, AMisplacedOrDamagedBlockIsRefused) {
  RecordingStore store(4);
  {
    BlockManager blocks(store);
    write_block(blocks, 2, 7);
    EXPECT_EQ(blocks.flush(), 0);
  }
  store.image()[1] = store.image()[2];
  store.image()[2][4095] ^= 1;
  BlockManager blocks(store);
  EXPECT_EQ(blocks.read_lock(1, &kOne).error(), ENOTBLK);
  EXPECT_EQ(blocks.read_lock(2, &kOne).error(), EILSEQ);
  EXPECT_EQ(blocks.read_lock(4, &kOne).error(), EIO);
  EXPECT_EQ(blocks.write_lock_zero(4, kOne).error(), EIO);
}

TEST(BlockManager, AWriterExcludesAndReadersShare) {
  RecordingStore store(4);
  BlockManager blocks(store);
  write_block(blocks, 2, 7);
  {
    const OrErrno<ReadLock> first = blocks.read_lock(2, &kOne);
    EXPECT_TRUE(blocks.read_lock(2, &kOne).has_value());
    EXPECT_EQ(blocks.write_lock(2, kOne).error(), EINVAL);
    EXPECT_EQ(blocks.write_lock_zero(2, kOne).error(), EINVAL);
  }
  const OrErrno<WriteLock> writer = blocks.write_lock(2, kOne);
  ASSERT_TRUE(writer.has_value());
  EXPECT_EQ(blocks.read_lock(2, &kOne).error(), EINVAL);
}

TEST(BlockManager, KeepsFewBuffersAndLosesNoWrite) {
  RecordingStore store(64);
  BlockManager blocks(store, 4);
  for (u64 block = 0; block < 64; ++block) write_block(blocks, block, static_cast<u8>(block + 1));
  EXPECT_GE(store.writes(), 60U);
  for (u64 block = 0; block < 64; ++block) {
    const OrErrno<ReadLock> lock = blocks.read_lock(block, &kOne);
    ASSERT_TRUE(lock.has_value());
    EXPECT_EQ(lock->bytes()[100], block + 1);
  }
  EXPECT_EQ(blocks.flush(), 0);
  EXPECT_EQ(store.writes(), 64U);
}

TEST(BlockManager, AFailedWriteIsToldAndTriedAgain) {
  RecordingStore store(4);
  BlockManager blocks(store);
  write_block(blocks, 1, 1);
  write_block(blocks, 2, 2);
  store.set_fault([](RecordingStore::Operation operation, u64 block) {
    return operation == RecordingStore::Operation::Write && block == 1 ? EIO : 0;
  });
  EXPECT_EQ(blocks.flush(), EIO);
  EXPECT_EQ(store.image()[2][100], 2);
  EXPECT_EQ(store.image()[1][100], 0);
  store.set_fault(nullptr);
  EXPECT_EQ(blocks.flush(), 0);
  EXPECT_EQ(store.image()[1][100], 1);
  EXPECT_EQ(store.writes(), 2U);
}

TEST(BlockManager, AFailedFlushIsTold) {
  RecordingStore store(4);
  BlockManager blocks(store);
  store.set_fault([](RecordingStore::Operation operation, u64) {
    return operation == RecordingStore::Operation::Flush ? ENOLINK : 0;
  });
  EXPECT_EQ(blocks.flush(), ENOLINK);
}

}  // namespace
}  // namespace bioscope::persistent_data
