// SPDX-License-Identifier: Apache-2.0
// What the tests of era metadata have in common.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>

#include "models/interposer/era_metadata/era_dump.h"
#include "models/interposer/era_metadata/era_metadata.h"
#include "models/interposer/era_metadata/era_tools.h"
#include "models/interposer/era_metadata/metadata_audit.h"
#include "models/interposer/persistent_data/recording_store.h"

namespace bioscope::dm {

using persistent_data::RecordingStore;

inline constexpr u32 kBlockSizeSectors = 64;

// As the target does at its first resume.
inline std::unique_ptr<EraMetadata> open_metadata(RecordingStore& store, u64 nr_blocks) {
  auto metadata = EraMetadata::open(store, kBlockSizeSectors, true);
  EXPECT_TRUE(metadata.has_value());
  EXPECT_EQ((*metadata)->resize(nr_blocks), 0);
  EXPECT_EQ((*metadata)->rollover(), 0);
  EXPECT_EQ((*metadata)->commit(), 0);
  return std::move(*metadata);
}

inline void write_blocks(EraMetadata& metadata, std::initializer_list<u32> blocks) {
  for (const u32 block : blocks) {
    bool fresh = false;
    EXPECT_EQ(metadata.mark_on_disk(block, fresh), 0);
  }
  EXPECT_EQ(metadata.commit(), 0);
  for (const u32 block : blocks) metadata.mark_in_core(block);
}

inline void digest_all(EraMetadata& metadata) {
  metadata.begin_digest();
  while (metadata.digesting()) ASSERT_EQ(metadata.digest_step(), 0);
}

inline void expect_sound(const RecordingStore::Image& image) {
  const MetadataAudit audit = audit_metadata(image);
  EXPECT_EQ(audit.wrong, std::vector<std::string>());
  EXPECT_EQ(audit.leaks, std::vector<std::string>());
}

inline void expect_tools_agree(RecordingStore& store) {
  std::string said;
  EXPECT_TRUE(era_check_passes(store.image(), said)) << said;
  const auto ours = read_era_dump(store);
  ASSERT_TRUE(ours.has_value()) << ours.error();
  const auto theirs = run_era_dump(store.image());
  ASSERT_TRUE(theirs.has_value());
  EXPECT_EQ(ours->superblock.data_block_size_sectors, theirs->superblock.data_block_size_sectors);
  EXPECT_EQ(ours->superblock.nr_blocks, theirs->superblock.nr_blocks);
  EXPECT_EQ(ours->superblock.current_era, theirs->superblock.current_era);
  EXPECT_EQ(ours->writesets, theirs->writesets);
  EXPECT_EQ(ours->era_array, theirs->era_array);
}

inline std::string dump_text(RecordingStore& store) {
  const auto dump = read_era_dump(store);
  return dump ? era_dump_text(*dump) : "error " + std::to_string(dump.error());
}

}  // namespace bioscope::dm
