// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/array.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "models/base/chooser.h"
#include "models/interposer/persistent_data/bitset.h"
#include "models/interposer/persistent_data/test_metadata.h"

namespace bioscope::persistent_data {
namespace {

std::array<u8, 4> bytes_of(u32 value) {
  std::array<u8, 4> bytes{};
  store_le(bytes.data(), value);
  return bytes;
}

std::vector<u32> contents(TestMetadata& metadata, const Array& array, u64 root, u32 count) {
  std::vector<u32> values;
  VisitBudget budget{metadata.blocks().blocks()};
  EXPECT_EQ(array.walk(root, count, budget,
                       [&](u32 index, std::span<const u8> value) {
                         EXPECT_EQ(index, values.size());
                         values.push_back(load_le<u32>(value.data()));
                         return 0;
                       }),
            0);
  return values;
}

TEST(Array, AgreesWithAVectorThroughResizes) {
  for (u64 seed = 0; seed < 6; ++seed) {
    Chooser chooser(seed);
    const auto pick = [&](u32 n) { return chooser.pick(ChoiceKind::Generate, 0, n); };
    TestMetadata metadata(4000);
    const Array array(metadata.transactions(), sizeof(u32));
    u64 root = *array.create();
    std::vector<u32> model;
    for (u32 step = 1; step < 300; ++step) {
      if (step % 15 == 1) {
        constexpr u32 kPerBlock = 1018;
        const u32 to_boundary = pick(3);
        const u32 size = to_boundary == 0 ? kPerBlock * pick(300) : pick(300 * kPerBlock);
        ASSERT_EQ(array.resize(root, static_cast<u32>(model.size()), size, bytes_of(step)), 0);
        model.resize(size, step);
      } else if (!model.empty()) {
        const u32 index = pick(static_cast<u32>(model.size()));
        ASSERT_EQ(array.set(root, index, bytes_of(~step)), 0);
        model[index] = ~step;
      }
      std::array<u8, 4> value{};
      ASSERT_EQ(array.get(root, static_cast<u32>(model.size()), value), ENODATA);
      if (step % 40 == 0) {
        ASSERT_EQ(contents(metadata, array, root, static_cast<u32>(model.size())), model);
        ASSERT_EQ(metadata.commit(), 0);
      }
    }
    ASSERT_EQ(array.erase(root), 0);
    ASSERT_EQ(metadata.commit(), 0);
    EXPECT_EQ(metadata.space_map().nr_free(), 4000U - 4U);
  }
}

TEST(Array, ASnapshotOfTheRootKeepsTheOldValues) {
  TestMetadata metadata(64);
  const Array array(metadata.transactions(), sizeof(u32));
  u64 root = *array.create();
  ASSERT_EQ(array.resize(root, 0, 3000, bytes_of(1)), 0);
  ASSERT_EQ(metadata.commit(), 0);
  const u64 snapshot = root;
  ASSERT_EQ(metadata.transactions().inc(snapshot), 0);
  ASSERT_EQ(array.set(root, 2500, bytes_of(2)), 0);
  ASSERT_EQ(array.set(root, 3, bytes_of(2)), 0);
  EXPECT_EQ(contents(metadata, array, snapshot, 3000), std::vector<u32>(3000, 1));
  EXPECT_EQ(contents(metadata, array, root, 3000)[2500], 2U);
  ASSERT_EQ(array.erase(snapshot), 0);
  EXPECT_EQ(contents(metadata, array, root, 3000)[3], 2U);
  ASSERT_EQ(array.erase(root), 0);
  ASSERT_EQ(metadata.commit(), 0);
  EXPECT_EQ(metadata.space_map().nr_free(), 60U);
}

TEST(Array, ABlockWithOtherElementsIsRefused) {
  TestMetadata metadata(64);
  const Array array(metadata.transactions(), sizeof(u32));
  const Array wide(metadata.transactions(), sizeof(u64));
  u64 root = *wide.create();
  ASSERT_EQ(wide.resize(root, 0, 10, std::array<u8, 8>{}), 0);
  std::array<u8, 4> value{};
  EXPECT_EQ(array.get(root, 0, value), EILSEQ);
  EXPECT_EQ(array.set(root, 0, value), EILSEQ);
  VisitBudget budget{64};
  EXPECT_EQ(array.walk(root, 10, budget, [](u32, std::span<const u8>) { return 0; }), EILSEQ);
}

TEST(Array, AShortArrayIsNoticed) {
  TestMetadata metadata(64);
  const Array array(metadata.transactions(), sizeof(u32));
  u64 root = *array.create();
  ASSERT_EQ(array.resize(root, 0, 10, bytes_of(0)), 0);
  VisitBudget budget{64};
  const auto ignore = [](u32, std::span<const u8>) { return 0; };
  EXPECT_EQ(array.walk(root, 11, budget, ignore), ENODATA);
  EXPECT_EQ(array.walk(root, 9, budget, ignore), 0);
}

TEST(Bitset, AgreesWithAVectorOfBits) {
  Chooser chooser(5);
  const auto pick = [&](u32 n) { return chooser.pick(ChoiceKind::Generate, 0, n); };
  TestMetadata metadata(400);
  Bitset bitset(metadata.transactions());
  constexpr u32 kBits = 40001;
  u64 root = *bitset.create();
  ASSERT_EQ(bitset.resize(root, 0, kBits), 0);
  std::vector<bool> model(kBits);
  for (int step = 0; step < 600; ++step) {
    const u32 bit = pick(4) == 0 ? kBits - 1 - pick(70) : pick(kBits);
    ASSERT_EQ(bitset.set(root, bit), 0);
    model[bit] = true;
    const u32 other = pick(kBits);
    bool result = false;
    ASSERT_EQ(bitset.test(root, other, result), 0);
    ASSERT_EQ(result, model[other]);
    if (step % 100 == 0) {
      ASSERT_EQ(metadata.commit(), 0);
    }
  }
  ASSERT_EQ(bitset.flush(root), 0);
  std::vector<bool> seen(kBits);
  VisitBudget budget{400};
  ASSERT_EQ(bitset.walk(root, kBits, budget,
                        [&](u32 begin, u64 end) {
                          EXPECT_TRUE(begin == 0 || !seen[begin - 1]) << "runs that touch";
                          for (u64 bit = begin; bit < end; ++bit) seen[bit] = true;
                          return 0;
                        }),
            0);
  EXPECT_EQ(seen, model);
  bool result = false;
  EXPECT_EQ(bitset.test(root, kBits + 64, result), ENODATA);
}

}  // namespace
}  // namespace bioscope::persistent_data
