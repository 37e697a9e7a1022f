// SPDX-License-Identifier: Apache-2.0
// Era metadata that lies: flipped bits are noticed, and blocks with good checksums and any contents
// make errors, never crashes.
#include <gtest/gtest.h>

#include <cerrno>

#include "models/interposer/era_metadata/era_dump.h"
#include "models/interposer/era_metadata/era_exercise.h"
#include "models/interposer/era_metadata/era_machine.h"

namespace bioscope::dm {
namespace {

using persistent_data::kBlockBytes;
using persistent_data::RecordingStore;

constexpr u64 kBlocks = 64;

// Metadata with all that it can have: a snapshot, archived and current write sets, big counts.
RecordingStore::Image sample_image(u64 seed) {
  Chooser chooser(seed);
  RecordingStore store(kBlocks);
  EraMachine machine(store, chooser, 2500);
  for (int step = 0; step < 30 || !machine.committed().held; ++step) {
    EXPECT_EQ(machine.step(), 0);
  }
  return store.durable();
}

TEST(EraCorruption, AFlippedBitIsAnErrorOrOfNoConsequence) {
  const RecordingStore::Image image = sample_image(1);
  RecordingStore whole(image);
  const auto expected = read_era_dump(whole);
  ASSERT_TRUE(expected.has_value());
  Chooser chooser(2);
  int noticed = 0;
  for (int round = 0; round < 3000; ++round) {
    RecordingStore store(image);
    const u32 block = chooser.pick(ChoiceKind::Generate, 0, kBlocks);
    const u32 bit = chooser.pick(ChoiceKind::Generate, 1, kBlockBytes * 8);
    store.image()[block][bit / 8] ^= static_cast<u8>(1U << bit % 8);
    const auto dump = read_era_dump(store);
    if (dump) {
      ASSERT_EQ(*dump, *expected) << "block " << block << " bit " << bit;
    } else {
      ASSERT_TRUE(dump.error() == EILSEQ || dump.error() == ENOTBLK) << dump.error();
      ++noticed;
    }
  }
  EXPECT_GT(noticed, 200);
}

TEST(EraCorruption, AFlippedBitInTheSuperblockIsRefused) {
  RecordingStore store(sample_image(3));
  for (std::size_t byte = 0; byte < kBlockBytes; ++byte) {
    store.image()[0][byte] ^= 0x10;
    const auto metadata = EraMetadata::open(store, EraMachine::kBlockSizeSectors, true);
    ASSERT_FALSE(metadata.has_value()) << byte;
    ASSERT_TRUE(metadata.error() == EILSEQ || metadata.error() == ENOTBLK);
    store.image()[0][byte] ^= 0x10;
  }
  EXPECT_TRUE(EraMetadata::open(store, EraMachine::kBlockSizeSectors, true).has_value());
}

// Some bytes of some blocks are anything, most often in the headers and in small numbers, and the
// blocks have good seals again.
TEST(EraCorruption, WhateverIsSealedMakesNoCrash) {
  int readable = 0;
  for (u64 seed = 0; seed < 4000; ++seed) {
    Chooser chooser(seed);
    const auto pick = [&](u32 n) { return chooser.pick(ChoiceKind::Generate, 7, n); };
    static const RecordingStore::Image sample = sample_image(4);
    RecordingStore store(sample);
    for (u32 damaged = 1 + pick(4); damaged > 0; --damaged) {
      const u32 block = pick(3) == 0 ? 0 : pick(40);
      auto& bytes = store.image()[block];
      u32 type = 0;
      while (type < kBlockTypes && !sealed_as(static_cast<BlockType>(type), block, bytes)) ++type;
      if (type == kBlockTypes) continue;
      for (u32 changes = 1 + pick(6); changes > 0; --changes) {
        const u32 at = pick(2) == 0 ? 4 + pick(220) : 4 + pick(kBlockBytes - 4);
        bytes[at] = static_cast<u8>(pick(2) == 0 ? pick(kBlocks) : pick(256));
      }
      seal_as(static_cast<BlockType>(type), block, bytes);
    }
    readable += exercise_metadata(store, chooser) ? 1 : 0;
  }
  EXPECT_GT(readable, 400);  // else the damage never gets behind the first check
  EXPECT_LT(readable, 3600);
}

// Blocks are exchanged for others of any type, with good seals.
TEST(EraCorruption, ExchangedBlocksMakeNoCrash) {
  int readable = 0;
  for (u64 seed = 0; seed < 1500; ++seed) {
    Chooser chooser(seed);
    const auto pick = [&](u32 n) { return chooser.pick(ChoiceKind::Generate, 7, n); };
    static const RecordingStore::Image sample = sample_image(5);
    RecordingStore store(sample);
    for (u32 exchanges = 1 + pick(5); exchanges > 0; --exchanges) {
      const u32 to = 1 + pick(40);
      const u32 from = pick(40);
      u32 type = 0;
      const auto& source = store.image()[from];
      while (type < kBlockTypes && !sealed_as(static_cast<BlockType>(type), from, source)) ++type;
      store.image()[to] = source;
      seal_as(static_cast<BlockType>(type == kBlockTypes ? pick(kBlockTypes) : type), to,
              store.image()[to]);
    }
    readable += exercise_metadata(store, chooser) ? 1 : 0;
  }
  EXPECT_GT(readable, 100);
  EXPECT_LT(readable, 1400);
}

TEST(EraCorruption, NoiseMakesNoCrash) {
  for (u64 seed = 0; seed < 300; ++seed) {
    Chooser chooser(seed);
    RecordingStore::Image image(16);
    for (auto& block : image) {
      for (u8& byte : block) byte = static_cast<u8>(chooser.pick(ChoiceKind::Generate, 0, 256));
    }
    RecordingStore store(image);
    EXPECT_FALSE(EraMetadata::open(store, EraMachine::kBlockSizeSectors, true).has_value());
    EXPECT_FALSE(read_era_dump(store).has_value());
  }
}

}  // namespace
}  // namespace bioscope::dm
