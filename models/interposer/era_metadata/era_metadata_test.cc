// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/era_metadata/era_metadata.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "models/interposer/era_metadata/test_era.h"
#include "models/interposer/persistent_data/little_endian.h"

namespace bioscope::dm {
namespace {

using persistent_data::load_le;

TEST(EraMetadata, FormatsAStoreOfZeroesOnlyIfItMay) {
  RecordingStore store(16);
  EXPECT_EQ(EraMetadata::open(store, kBlockSizeSectors, false).error(), EPERM);
  EXPECT_EQ(store.writes(), 0U);
  ASSERT_TRUE(EraMetadata::open(store, kBlockSizeSectors, true).has_value());
  expect_sound(store.image());
  EXPECT_EQ(EraMetadata::open(store, 128, true).error(), EINVAL);
  EXPECT_TRUE(EraMetadata::open(store, kBlockSizeSectors, false).has_value());
}

// R57, each field where the kernel has it.
TEST(EraMetadata, TheSuperblockIsTheKernels) {
  RecordingStore store(100);
  const auto metadata = open_metadata(store, 10);
  write_blocks(*metadata, {3});
  const u8* at = store.image()[0].data();
  EXPECT_EQ(load_le<u32>(at + 4), 0U);
  EXPECT_EQ(load_le<u64>(at + 8), 0U);
  EXPECT_EQ(load_le<u64>(at + 32), 2126579579U);
  EXPECT_EQ(load_le<u32>(at + 40), 1U);
  EXPECT_EQ(load_le<u64>(at + 44), 100U);
  EXPECT_EQ(load_le<u64>(at + 52), metadata->status().used_blocks);
  EXPECT_EQ(load_le<u32>(at + 172), kBlockSizeSectors);
  EXPECT_EQ(load_le<u32>(at + 176), 8U);
  EXPECT_EQ(load_le<u32>(at + 180), 10U);
  EXPECT_EQ(load_le<u32>(at + 184), 1U);
  EXPECT_EQ(load_le<u32>(at + 188), 10U);
  EXPECT_NE(load_le<u64>(at + 192), 0U);
  EXPECT_EQ(load_le<u64>(at + 216), 0U);
  for (std::size_t i = 224; i < persistent_data::kBlockBytes; ++i) ASSERT_EQ(at[i], 0);
}

TEST(EraMetadata, ThroughSeveralErasTheToolsSayTheSame) {
  RecordingStore store(64);
  auto metadata = open_metadata(store, 300);
  expect_tools_agree(store);
  write_blocks(*metadata, {0, 1, 2, 64, 299});
  EXPECT_TRUE(metadata->marked(299));
  EXPECT_FALSE(metadata->marked(3));
  expect_tools_agree(store);

  EXPECT_EQ(metadata->rollover(), 0);
  EXPECT_FALSE(metadata->marked(299));
  write_blocks(*metadata, {2, 3});
  expect_tools_agree(store);
  EXPECT_EQ(dump_text(store), "era=2 0-2:1 64:1 299:1");  // the current write set is not told

  digest_all(*metadata);
  EXPECT_EQ(metadata->commit(), 0);
  expect_tools_agree(store);
  EXPECT_EQ(dump_text(store), "era=2 0-2:1 64:1 299:1");

  EXPECT_EQ(metadata->archive(), 0);
  EXPECT_EQ(metadata->commit(), 0);
  expect_tools_agree(store);
  EXPECT_EQ(dump_text(store), "era=2 0-1:1 2-3:2 64:1 299:1");
  expect_sound(store.image());

  metadata = open_metadata(store, 300);
  EXPECT_EQ(metadata->current_era(), 3U);
  digest_all(*metadata);
  EXPECT_EQ(metadata->commit(), 0);
  expect_tools_agree(store);
  EXPECT_EQ(dump_text(store), "era=3 0-1:1 2-3:2 64:1 299:1");
  expect_sound(store.image());
}

TEST(EraMetadata, OnlyTheFirstWriteOfAnEraIsFresh) {
  RecordingStore store(32);
  const auto metadata = open_metadata(store, 10);
  bool fresh = false;
  EXPECT_EQ(metadata->mark_on_disk(4, fresh), 0);
  EXPECT_TRUE(fresh);
  EXPECT_FALSE(metadata->marked(4));
  metadata->mark_in_core(4);
  EXPECT_EQ(metadata->mark_on_disk(4, fresh), 0);
  EXPECT_FALSE(fresh);
  EXPECT_EQ(metadata->mark_on_disk(10, fresh), EINVAL);
  EXPECT_FALSE(metadata->marked(10));
}

// The era's bits are lost with a crash before the archive, except those that were committed.
TEST(EraMetadata, AnUnarchivedWriteSetIsArchivedByTheNextRollover) {
  RecordingStore store(32);
  {
    const auto metadata = open_metadata(store, 100);
    write_blocks(*metadata, {7, 8});
  }
  const auto metadata = open_metadata(store, 100);
  EXPECT_EQ(dump_text(store), "era=2 7-8:1");
  expect_sound(store.image());
}

TEST(EraMetadata, AnArchiveTakesTheBitsThatWereNotCommitted) {
  RecordingStore store(32);
  const auto metadata = open_metadata(store, 10);
  bool fresh = false;
  EXPECT_EQ(metadata->mark_on_disk(5, fresh), 0);
  EXPECT_EQ(metadata->rollover(), 0);
  EXPECT_EQ(metadata->mark_on_disk(6, fresh), 0);
  EXPECT_EQ(metadata->archive(), 0);
  EXPECT_EQ(metadata->commit(), 0);
  EXPECT_EQ(dump_text(store), "era=2 5:1 6:2");
}

TEST(EraMetadata, TheDigestTakesAHundredBitsAStep) {
  RecordingStore store(32);
  const auto metadata = open_metadata(store, 250);
  write_blocks(*metadata, {0, 249});
  EXPECT_EQ(metadata->rollover(), 0);
  metadata->begin_digest();
  int steps = 0;
  for (; metadata->digesting(); ++steps) ASSERT_EQ(metadata->digest_step(), 0);
  EXPECT_EQ(steps, 1 + 3 + 1 + 1);  // look up, transcribe, remove, look up nothing
  metadata->begin_digest();
  EXPECT_FALSE(metadata->digesting());  // nothing was archived since
}

TEST(EraMetadata, ASnapshotStaysAsItWas) {
  RecordingStore store(64);
  const auto metadata = open_metadata(store, 100);
  write_blocks(*metadata, {1, 2, 3});
  EXPECT_EQ(metadata->drop_snap(), EINVAL);
  EXPECT_EQ(metadata->take_snap(), 0);
  EXPECT_EQ(metadata->commit(), 0);
  EXPECT_EQ(metadata->take_snap(), EINVAL);
  const EraStatus status = metadata->status();
  EXPECT_EQ(status.era, 2U);
  ASSERT_NE(status.held_root, kEraSuperblock);
  expect_sound(store.image());
  expect_tools_agree(store);

  write_blocks(*metadata, {2, 50});
  EXPECT_EQ(metadata->rollover(), 0);
  digest_all(*metadata);
  EXPECT_EQ(metadata->commit(), 0);
  expect_sound(store.image());
  const auto snapshot = read_era_dump(store, status.held_root);
  ASSERT_TRUE(snapshot.has_value());
  EXPECT_EQ(era_dump_text(*snapshot), "era=2 1-3:1");
  EXPECT_EQ(dump_text(store), "era=3 1:1 2:2 3:1 50:2");

  EXPECT_EQ(metadata->drop_snap(), 0);
  EXPECT_EQ(metadata->commit(), 0);
  EXPECT_EQ(metadata->status().held_root, kEraSuperblock);
  expect_sound(store.image());
  expect_tools_agree(store);
}

TEST(EraMetadata, SizesChangeAtResume) {
  RecordingStore store(400);
  auto metadata = open_metadata(store, 100000);
  write_blocks(*metadata, {0, 50000, 99999});
  EXPECT_EQ(metadata->archive(), 0);
  EXPECT_EQ(metadata->commit(), 0);

  metadata = open_metadata(store, 60000);  // shrunk, with a larger write set not yet digested
  digest_all(*metadata);
  write_blocks(*metadata, {59999});
  expect_sound(store.image());
  expect_tools_agree(store);
  EXPECT_EQ(dump_text(store), "era=2 0:1 50000:1");
  EXPECT_EQ(metadata->archive(), 0);
  EXPECT_EQ(metadata->commit(), 0);

  metadata = open_metadata(store, 200000);
  write_blocks(*metadata, {199999});
  digest_all(*metadata);
  EXPECT_EQ(metadata->commit(), 0);
  expect_sound(store.image());
  expect_tools_agree(store);
  EXPECT_EQ(dump_text(store), "era=3 0:1 50000:1 59999:2");
  EXPECT_EQ(metadata->resize(u64{1} << 31), EINVAL);
}

TEST(EraMetadata, TheSwapHookRunsBetweenTheSetsAndTheCount) {
  RecordingStore store(32);
  const auto metadata = open_metadata(store, 10);
  write_blocks(*metadata, {4});
  int calls = 0;
  metadata->set_swap_hook([&] {
    ++calls;
    EXPECT_EQ(metadata->current_era(), 1U);
    EXPECT_FALSE(metadata->marked(4));
  });
  EXPECT_EQ(metadata->rollover(), 0);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(metadata->current_era(), 2U);
}

TEST(EraMetadata, CommitFlushesBeforeAndAfterTheSuperblock) {
  RecordingStore store(32);
  const auto metadata = open_metadata(store, 10);
  std::vector<std::string> log;
  store.set_fault([&](RecordingStore::Operation operation, u64 block) {
    if (operation == RecordingStore::Operation::Write)
      log.push_back(block == 0 ? "super" : "block");
    if (operation == RecordingStore::Operation::Flush) log.push_back("flush");
    return 0;
  });
  write_blocks(*metadata, {4});
  ASSERT_GE(log.size(), 4U);
  EXPECT_EQ(log.front(), "block");
  log.erase(std::unique(log.begin(), log.end()), log.end());
  EXPECT_EQ(log, (std::vector<std::string>{"block", "flush", "super", "flush"}));
}

}  // namespace
}  // namespace bioscope::dm
