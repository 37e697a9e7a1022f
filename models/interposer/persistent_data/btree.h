// SPDX-License-Identifier: Apache-2.0
// B+trees from 64-bit keys to values of one size, copied on write (dm-btree.c, dm-btree-remove.c;
// trees of one level, which is all that era has).
//
// Invariants:
//   K1  Every node but the root has at least a third of its entries, all leaves are equally deep.
//   K2  A change shadows the nodes from the root to the leaf, top down, and each parent names its
//       shadowed child before the next step. So a root that comes back with an error still is the
//       root of a whole tree, with the contents of before.
//   K3  A node with two parents is shared: its shadow takes another reference to each child.
//   K4  Depth and number of nodes that are looked at are bounded, whatever the disk holds: a circle
//       is an error (EILSEQ), not an endless loop.
#pragma once

#include <functional>
#include <optional>

#include "models/interposer/persistent_data/block_manager.h"
#include "models/interposer/persistent_data/btree_node.h"

namespace bioscope::persistent_data {

class TransactionManager;
class ShadowSpine;

// What the values of a tree refer to (struct dm_btree_value_type).
class BtreeValues {
 public:
  constexpr explicit BtreeValues(u32 size_bytes) : size_bytes_(size_bytes) {}
  u32 size_bytes() const { return size_bytes_; }

  // Each of the packed values is referred to once more, once less.
  virtual int inc(std::span<const u8> values) const = 0;
  virtual int dec(std::span<const u8> values) const = 0;

 protected:
  ~BtreeValues() = default;  // nobody owns one through its base

 private:
  u32 size_bytes_;
};

// Values that refer to nothing.
class PlainValues final : public BtreeValues {
 public:
  using BtreeValues::BtreeValues;
  int inc(std::span<const u8>) const override { return 0; }
  int dec(std::span<const u8>) const override { return 0; }
};

// How many blocks a walk may still read: each block of a legal structure is reached once.
struct VisitBudget {
  u64 blocks = 0;
  // EILSEQ: nothing is left.
  [[nodiscard]] int spend();
};

// Names what is common to trees of one type; the trees are told by their roots. Both arguments
// must outlive it. Errors beside those named: EIO and the store's own; EILSEQ, ENOTBLK, EINVAL:
// a node is none, or of another type; ENOSPC.
class Btree {
 public:
  Btree(TransactionManager& transactions, const BtreeValues& values)
      : transactions_(&transactions), values_(&values) {}

  // The root of an empty tree.
  OrErrno<u64> create() const;

  // ENODATA: the key is not there. REQUIRES: value.size() is the size of the values.
  [[nodiscard]] int lookup(u64 root, u64 key, std::span<u8> value) const;

  // Nothing if the tree is empty.
  OrErrno<std::optional<u64>> lowest_key(u64 root) const;

  // Adds or overwrites; the reference that the caller has to `value` becomes the tree's, and the
  // tree's to an overwritten value that differs is dropped. `root` becomes the new root (K2).
  [[nodiscard]] int insert(u64& root, u64 key, std::span<const u8> value) const;

  // ENODATA: the key is not there. Drops the reference to the value.
  [[nodiscard]] int remove(u64& root, u64 key) const;

  // Drops the tree's reference to the root, and what only the tree refers to.
  [[nodiscard]] int erase(u64 root) const;

  // In the order of the keys; a nonzero result of `visit` ends the walk and is returned.
  using Visit = std::function<int(u64 key, std::span<const u8> value)>;
  [[nodiscard]] int walk(u64 root, VisitBudget& budget, const Visit& visit) const;

  const BtreeValues& values() const { return *values_; }

 private:
  friend class ShadowSpine;

  OrErrno<ReadLock> read_node(u64 block) const;
  OrErrno<WriteLock> new_node(bool leaf, u32 value_size_bytes) const;
  OrErrno<WriteLock> shadow_node(u64 block) const;
  OrErrno<WriteLock> shadow_child(NodeWriter& parent, u32 index) const;
  int inc_children(const NodeReader& node) const;

  // btree_insert.cc
  int make_room(ShadowSpine& spine, u32 slot, u64 key) const;
  int split_root(ShadowSpine& spine) const;
  int split_in_two(ShadowSpine& spine, u32 slot, u64 key) const;
  int split_two_in_three(ShadowSpine& spine, u32 slot, u64 key) const;
  int even_out_with_sibling(ShadowSpine& spine, u32 slot, u32 sibling, u64 key) const;
  OrErrno<bool> sibling_has_room(u64 block, bool& shared) const;

  // btree_remove.cc
  int fill_up_child(ShadowSpine& spine, u64 key) const;
  int pull_up_only_child(NodeWriter& node) const;
  int rebalance_two(NodeWriter& parent, u32 left_slot) const;
  int rebalance_three(NodeWriter& parent, u32 left_slot) const;
  int merge_or_even_out(NodeWriter& parent, u32 left_slot, WriteLock& left, WriteLock& right) const;

  TransactionManager* transactions_;
  const BtreeValues* values_;
};

}  // namespace bioscope::persistent_data
