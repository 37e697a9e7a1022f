// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/btree.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>

#include "models/base/chooser.h"
#include "models/interposer/persistent_data/test_metadata.h"

namespace bioscope::persistent_data {
namespace {

using Contents = std::map<u64, u64>;

// Values of any size that hold a number in their first bytes.
class TestTree {
 public:
  TestTree(TestMetadata& metadata, u32 value_size_bytes)
      : metadata_(metadata), values_(value_size_bytes), tree_(metadata.transactions(), values_) {
    root = *tree_.create();
  }

  int insert(u64 key, u64 number) { return tree_.insert(root, key, value_of(number)); }
  int remove(u64 key) { return tree_.remove(root, key); }
  int lookup(u64 key, u64& number) {
    std::vector<u8> value(values_.size_bytes());
    const int error = tree_.lookup(root, key, value);
    number = load_le<u64>(value.data());
    return error;
  }
  Contents contents(u64 of_root) {
    Contents contents;
    VisitBudget budget{metadata_.blocks().blocks()};
    EXPECT_EQ(tree_.walk(of_root, budget,
                         [&](u64 key, std::span<const u8> value) {
                           EXPECT_TRUE(contents.empty() || contents.rbegin()->first < key);
                           contents[key] = load_le<u64>(value.data());
                           return 0;
                         }),
              0);
    return contents;
  }
  const Btree& tree() const { return tree_; }

  u64 root = 0;

 private:
  std::vector<u8> value_of(u64 number) {
    std::vector<u8> value(values_.size_bytes());
    store_le(value.data(), number);
    return value;
  }

  TestMetadata& metadata_;
  PlainValues values_;
  Btree tree_;
};

// K1: how full the nodes are, and that all leaves are equally deep. Returns the depth.
u32 check_shape(TestMetadata& metadata, u64 block, bool root) {
  const OrErrno<ReadLock> lock = metadata.transactions().read_lock(block, kNodeValidator);
  EXPECT_TRUE(lock.has_value());
  if (!lock) return 0;
  const NodeReader node(lock->bytes());
  // A pulled-up level is stepped over without a look at its children, so one entry may be missing.
  if (!root) {
    EXPECT_GE(node.nr_entries() + 1, node.max_entries() / 3);
  }
  if (node.leaf()) return 1;
  u32 depth = 0;
  for (u32 i = 0; i < node.nr_entries(); ++i) {
    const u32 below = check_shape(metadata, node.child(i), false);
    EXPECT_TRUE(depth == 0 || depth == below);
    depth = below;
  }
  return depth + 1;
}

TEST(Btree, AnEmptyTreeHasNothing) {
  TestMetadata metadata(64);
  TestTree tree(metadata, 8);
  u64 number = 0;
  EXPECT_EQ(tree.lookup(1, number), ENODATA);
  EXPECT_EQ(tree.remove(1), ENODATA);
  EXPECT_FALSE(tree.tree().lowest_key(tree.root)->has_value());
  EXPECT_TRUE(tree.contents(tree.root).empty());
}

TEST(Btree, NodesHaveRoomForThreeTimesSomething) {
  EXPECT_EQ(max_node_entries(8), 252U);   // children, array blocks
  EXPECT_EQ(max_node_entries(12), 201U);  // write sets
  EXPECT_EQ(max_node_entries(4), 336U);   // counts
}

struct Case {
  u32 value_size_bytes;
  u32 keys;
  int steps;
};

class BtreeAgainstMap : public testing::TestWithParam<Case> {};

// Random insertions, overwrites and removals, in phases that grow and shrink; the tree is committed
// and reopened in between.
TEST_P(BtreeAgainstMap, Agrees) {
  const Case& c = GetParam();
  for (u64 seed = 0; seed < 4; ++seed) {
    Chooser chooser(seed);
    const auto pick = [&](u32 n) { return chooser.pick(ChoiceKind::Generate, 0, n); };
    TestMetadata metadata(16000);
    TestTree tree(metadata, c.value_size_bytes);
    Contents model;
    u32 deepest = 0;
    for (int step = 0; step < c.steps; ++step) {
      const bool growing = step / (c.steps / 4) % 2 == 0;
      const u64 key = pick(c.keys);
      if (pick(10) < (growing ? 8U : 2U)) {
        ASSERT_EQ(tree.insert(key, step), 0);
        model[key] = step;
      } else {
        // Mostly what is there, else few removals would hit in a small tree.
        const auto at = model.lower_bound(key);
        const u64 victim = at == model.end() ? key : at->first;
        ASSERT_EQ(tree.remove(victim), model.erase(victim) == 1 ? 0 : ENODATA);
      }
      if (step % 500 != 0) continue;
      ASSERT_EQ(tree.contents(tree.root), model) << "seed " << seed << " step " << step;
      deepest = std::max(deepest, check_shape(metadata, tree.root, true));
      ASSERT_EQ(metadata.commit(), 0);
      ASSERT_EQ(tree.tree().lowest_key(tree.root).value(),
                model.empty() ? std::nullopt : std::optional(model.begin()->first));
    }
    EXPECT_GE(deepest, 2U);
    const u64 before = metadata.space_map().nr_free();
    ASSERT_EQ(tree.tree().erase(tree.root), 0);
    ASSERT_EQ(metadata.commit(), 0);
    EXPECT_GT(metadata.space_map().nr_free(), before);
    EXPECT_EQ(metadata.space_map().nr_free(), 16000U - 4U);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, BtreeAgainstMap,
                         testing::Values(Case{8, 4000, 8000}, Case{1000, 4000, 8000},
                                         Case{300, 9000, 9000}));

// A root that was counted twice keeps its contents, whatever happens to the tree it was.
TEST(Btree, ASharedRootKeepsItsContents) {
  for (u64 seed = 0; seed < 10; ++seed) {
    Chooser chooser(seed);
    const auto pick = [&](u32 n) { return chooser.pick(ChoiceKind::Generate, 0, n); };
    TestMetadata metadata(8000);
    TestTree tree(metadata, 1000);
    Contents model;
    std::vector<std::pair<u64, Contents>> snapshots;
    for (int step = 0; step < 1500; ++step) {
      const u64 key = pick(600);
      if (pick(10) < 6) {
        ASSERT_EQ(tree.insert(key, step), 0);
        model[key] = step;
      } else {
        ASSERT_EQ(tree.remove(key), model.erase(key) == 1 ? 0 : ENODATA);
      }
      if (step % 300 == 150) {
        ASSERT_EQ(metadata.transactions().inc(tree.root), 0);
        snapshots.emplace_back(tree.root, model);
      }
      if (step % 100 == 99) {
        ASSERT_EQ(metadata.commit(), 0);
      }
    }
    ASSERT_EQ(tree.contents(tree.root), model);
    for (const auto& [root, contents] : snapshots) ASSERT_EQ(tree.contents(root), contents);
    for (const auto& [root, contents] : snapshots) ASSERT_EQ(tree.tree().erase(root), 0);
    ASSERT_EQ(tree.contents(tree.root), model);
    ASSERT_EQ(tree.tree().erase(tree.root), 0);
    ASSERT_EQ(metadata.commit(), 0);
    EXPECT_EQ(metadata.space_map().nr_free(), 8000U - 4U);
  }
}

// K2: when the device is full, what is there stays there.
TEST(Btree, AFullDeviceLosesNothing) {
  TestMetadata metadata(120);
  TestTree tree(metadata, 1000);
  Contents model;
  int failures = 0;
  for (u64 key = 0; failures < 30; ++key) {
    const int error = tree.insert(key * 7919 % 1009, key);
    if (error == 0) {
      model[key * 7919 % 1009] = key;
    } else {
      ASSERT_EQ(error, ENOSPC);
      ++failures;
    }
    if (key % 5 == 0) static_cast<void>(metadata.commit());
    ASSERT_EQ(tree.contents(tree.root), model);
  }
  EXPECT_GE(model.size(), 30U);
}

TEST(Btree, CirclesAndStrangersAreErrors) {
  TestMetadata metadata(64);
  TestTree tree(metadata, 8);
  for (u64 key = 0; key < 300; ++key) ASSERT_EQ(tree.insert(key, key), 0);
  {
    OrErrno<WriteLock> root = metadata.blocks().write_lock(tree.root, kNodeValidator);
    ASSERT_TRUE(root.has_value());
    NodeWriter node(root->bytes());
    ASSERT_FALSE(node.leaf());
    node.set_child(0, tree.root);
  }
  u64 number = 0;
  EXPECT_EQ(tree.lookup(1, number), EILSEQ);
  EXPECT_NE(tree.insert(1, 1), 0);
  EXPECT_NE(tree.remove(1), 0);
  EXPECT_NE(tree.tree().erase(tree.root), 0);

  TestTree other(metadata, 12);
  VisitBudget budget{64};
  EXPECT_EQ(tree.tree().walk(other.root, budget, [](u64, std::span<const u8>) { return 0; }),
            EILSEQ);
}

}  // namespace
}  // namespace bioscope::persistent_data
