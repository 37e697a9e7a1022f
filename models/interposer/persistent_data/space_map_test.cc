// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <set>
#include <vector>

#include "models/base/chooser.h"
#include "models/interposer/persistent_data/test_metadata.h"

namespace bioscope::persistent_data {
namespace {

u32 count_of(TestMetadata& metadata, u64 block) {
  const OrErrno<u32> count = metadata.space_map().count(block);
  EXPECT_TRUE(count.has_value()) << "block " << block;
  return count.value_or(~u32{0});
}

TEST(MetadataSpaceMap, ANewMapCountsItsOwnBlocks) {
  TestMetadata metadata(64);
  // Superblock, index, tree of counts, bitmap.
  for (u64 block = 0; block < 4; ++block) EXPECT_EQ(count_of(metadata, block), 1U);
  EXPECT_EQ(count_of(metadata, 4), 0U);
  EXPECT_EQ(metadata.space_map().count(64).error(), EINVAL);
  EXPECT_EQ(metadata.space_map().nr_free(), 60U);
  metadata.reopen();
  EXPECT_EQ(count_of(metadata, 3), 1U);
  EXPECT_EQ(metadata.space_map().nr_free(), 60U);
}

TEST(MetadataSpaceMap, AStoreThatIsTooSmallIsRefused) {
  for (u64 blocks = 1; blocks < 4; ++blocks) {
    RecordingStore store(blocks);
    BlockManager manager(store);
    TransactionManager transactions(manager);
    EXPECT_NE(transactions.create(0), 0) << blocks;
  }
}

TEST(MetadataSpaceMap, CountsAnyNumberOfReferences) {
  TestMetadata metadata(64);
  MetadataSpaceMap& map = metadata.space_map();
  const u64 block = *map.new_block();
  for (u32 count = 2; count <= 40; ++count) {
    ASSERT_EQ(map.inc(block, 1), 0);
    ASSERT_EQ(count_of(metadata, block), count);
    ASSERT_TRUE(*map.is_shared(block));
  }
  ASSERT_EQ(metadata.commit(), 0);
  metadata.reopen();
  for (u32 count = 39;; --count) {
    ASSERT_EQ(metadata.space_map().dec(block, 1), 0);
    ASSERT_EQ(count_of(metadata, block), count);
    if (count == 0) break;
  }
  EXPECT_EQ(metadata.space_map().dec(block, 1), EINVAL);
}

TEST(MetadataSpaceMap, AFreedBlockWaitsForTheCommit) {
  TestMetadata metadata(64);
  const u64 block = *metadata.space_map().new_block();
  ASSERT_EQ(metadata.commit(), 0);
  ASSERT_EQ(metadata.space_map().dec(block, 1), 0);
  std::set<u64> given;
  for (;;) {
    const OrErrno<u64> next = metadata.space_map().new_block();
    if (!next) break;
    EXPECT_TRUE(given.insert(*next).second) << "block " << *next << " was given out twice";
    EXPECT_NE(*next, block);
  }
  EXPECT_GE(given.size(), 50U);
}

TEST(MetadataSpaceMap, EveryBlockIsGivenOutOnce) {
  TestMetadata metadata(200);
  std::set<u64> given;
  for (int round = 0; round < 300; ++round) {
    const OrErrno<u64> block = metadata.space_map().new_block();
    if (!block) {
      EXPECT_EQ(block.error(), ENOSPC);
      break;
    }
    EXPECT_TRUE(given.insert(*block).second);
    if (round % 7 == 0) {
      ASSERT_EQ(metadata.commit(), 0);
    }
  }
  EXPECT_GE(given.size(), 190U);
}

// Random references to random blocks, over several bitmaps, against a plain map of counts.
TEST(MetadataSpaceMap, AgreesWithAMapOfCounts) {
  for (u64 seed = 0; seed < 20; ++seed) {
    Chooser chooser(seed);
    const auto pick = [&](u32 n) { return chooser.pick(ChoiceKind::Generate, 0, n); };
    TestMetadata metadata(17000);
    std::map<u64, u32> counts;
    std::vector<u64> known;
    for (int step = 0; step < 400; ++step) {
      const u32 what = pick(10);
      if (known.empty() || what < 3) {
        const OrErrno<u64> block = metadata.space_map().new_block();
        ASSERT_TRUE(block.has_value());
        ASSERT_FALSE(counts.contains(*block));
        counts[*block] = 1;
        known.push_back(*block);
      } else if (what < 8) {
        const u64 block = known[pick(static_cast<u32>(known.size()))];
        const bool up = pick(5) > 1;
        ASSERT_EQ(up ? metadata.space_map().inc(block, 1) : metadata.space_map().dec(block, 1), 0);
        counts[block] += up ? 1 : -1;
        if (counts[block] == 0) {  // the map may use it for itself from now on
          counts.erase(block);
          std::erase(known, block);
        }
      } else if (what == 8) {
        ASSERT_EQ(metadata.commit(), 0);
        if (pick(3) == 0) metadata.reopen();
      }
      if (known.empty()) continue;
      const u64 block = known[pick(static_cast<u32>(known.size()))];
      ASSERT_EQ(count_of(metadata, block), counts[block]) << "seed " << seed << " step " << step;
    }
    ASSERT_EQ(metadata.commit(), 0);
    metadata.reopen();
    for (const auto& [block, count] : counts) ASSERT_EQ(count_of(metadata, block), count);
  }
}

TEST(MetadataSpaceMap, AFailedSuperblockKeepsBothStatesWhole) {
  TestMetadata metadata(64);
  const u64 old_block = *metadata.space_map().new_block();
  ASSERT_EQ(metadata.commit(), 0);

  ASSERT_EQ(metadata.space_map().dec(old_block, 1), 0);
  metadata.store().set_fault([](RecordingStore::Operation operation, u64 block) {
    return operation == RecordingStore::Operation::Write && block == 0 ? EIO : 0;
  });
  EXPECT_EQ(metadata.commit(), EIO);
  // The old superblock may be the one on the disk, so its block must not be given out.
  std::set<u64> given;
  while (true) {
    const OrErrno<u64> block = metadata.space_map().new_block();
    if (!block) break;
    given.insert(*block);
  }
  EXPECT_FALSE(given.contains(old_block));
  for (const u64 block : given) ASSERT_EQ(metadata.space_map().dec(block, 1), 0);

  metadata.store().set_fault(nullptr);
  ASSERT_EQ(metadata.commit(), 0);
  ASSERT_EQ(metadata.commit(), 0);
  given.clear();
  while (true) {
    const OrErrno<u64> block = metadata.space_map().new_block();
    if (!block) break;
    given.insert(*block);
  }
  EXPECT_TRUE(given.contains(old_block));
}

}  // namespace
}  // namespace bioscope::persistent_data
