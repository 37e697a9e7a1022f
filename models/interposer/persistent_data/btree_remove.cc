// SPDX-License-Identifier: Apache-2.0
// Removing from a tree (dm-btree-remove.c). On the way down the child that is to be entered gets
// more than a third of its entries (K1): from its siblings, or by merging with them; a node with
// one child takes over the child's contents.
#include <algorithm>
#include <cerrno>
#include <vector>

#include "models/interposer/persistent_data/btree.h"
#include "models/interposer/persistent_data/shadow_spine.h"
#include "models/interposer/persistent_data/transaction_manager.h"

namespace bioscope::persistent_data {
namespace {

// What is moved comes from the end of the left node, or, below zero, from the head of the right.
void shift(NodeWriter& left, NodeWriter& right, i64 count) {
  if (count > 0) {
    left.move_to_right(right, static_cast<u32>(count));
  } else {
    right.move_to_left(left, static_cast<u32>(-count));
  }
}

// dm-btree-remove.c: redistribute3. The side with fewer entries is filled first, from its
// neighbour as far as that goes.
void even_out_three(NodeWriter& left, NodeWriter& center, NodeWriter& right) {
  const i64 total = i64{left.nr_entries()} + center.nr_entries() + right.nr_entries();
  const i64 target_right = total / 3;
  const i64 target_left = target_right + (total % 3 != 0 ? 1 : 0);
  if (left.nr_entries() < right.nr_entries()) {
    const i64 missing = target_left - left.nr_entries();
    const i64 in_center = center.nr_entries();
    shift(left, center, -std::min(missing, in_center));
    if (missing > in_center) shift(left, right, in_center - missing);
    shift(center, right, target_right - right.nr_entries());
  } else {
    const i64 missing = target_right - right.nr_entries();
    const i64 in_center = center.nr_entries();
    shift(center, right, std::min(missing, in_center));
    if (missing > in_center) shift(left, right, missing - in_center);
    shift(left, center, left.nr_entries() - target_left);
  }
}

}  // namespace

int Btree::remove(u64& root, u64 key) const {
  ShadowSpine spine(*this, root);
  if (const int error = spine.begin()) return error;
  while (!spine.current().leaf()) {
    if (const int error = fill_up_child(spine, key)) return error;
    const NodeWriter node = spine.current();
    if (node.leaf()) break;
    const int slot = node.lower_bound(key);
    if (slot < 0) return ENODATA;
    if (const int error = spine.step(static_cast<u32>(slot))) return error;
  }

  NodeWriter leaf = spine.current();
  const int slot = leaf.lower_bound(key);
  if (slot < 0 || leaf.key(static_cast<u32>(slot)) != key) return ENODATA;
  const std::span<const u8> bytes = leaf.value(static_cast<u32>(slot));
  const std::vector<u8> value(bytes.begin(), bytes.end());
  leaf.erase(static_cast<u32>(slot));
  return values_->dec(value);
}

int Btree::fill_up_child(ShadowSpine& spine, u64 key) const {
  NodeWriter node = spine.current();
  const u32 children = node.nr_entries();
  if (children == 1) return pull_up_only_child(node);
  const int slot = node.lower_bound(key);
  if (slot < 0) return ENODATA;
  const u32 index = static_cast<u32>(slot);
  if (index == 0) return rebalance_two(node, 0);
  if (index + 1 == children) return rebalance_two(node, index - 1);
  return rebalance_three(node, index - 1);
}

int Btree::pull_up_only_child(NodeWriter& node) const {
  const u64 child = node.child(0);
  const OrErrno<bool> shared = transactions_->space_map().is_shared(child);
  if (!shared) return shared.error();
  {
    const OrErrno<ReadLock> lock = read_node(child);
    if (!lock) return lock.error();
    if (*shared) {
      if (const int error = inc_children(NodeReader(lock->bytes()))) return error;
    }
    node.assign(lock->bytes());
  }
  return transactions_->dec(child);
}

int Btree::rebalance_two(NodeWriter& parent, u32 left_slot) const {
  OrErrno<WriteLock> left = shadow_child(parent, left_slot);
  if (!left) return left.error();
  OrErrno<WriteLock> right = shadow_child(parent, left_slot + 1);
  if (!right) return right.error();
  return merge_or_even_out(parent, left_slot, *left, *right);
}

int Btree::merge_or_even_out(NodeWriter& parent, u32 left_slot, WriteLock& left_lock,
                             WriteLock& right_lock) const {
  NodeWriter left(left_lock.bytes());
  NodeWriter right(right_lock.bytes());
  if (left.leaf() != right.leaf()) return EILSEQ;
  const u32 total = left.nr_entries() + right.nr_entries();
  // Evened out, each must stay above a third even after one is removed.
  if (total < 2 * (left.max_entries() / 3 + 1)) {
    right.move_to_left(left, right.nr_entries());
    parent.erase(left_slot + 1);
    return transactions_->dec(right_lock.location());
  }
  shift(left, right, i64{left.nr_entries()} - total / 2);
  parent.set_key(left_slot + 1, right.key(0));
  return 0;
}

int Btree::rebalance_three(NodeWriter& parent, u32 left_slot) const {
  OrErrno<WriteLock> left_lock = shadow_child(parent, left_slot);
  if (!left_lock) return left_lock.error();
  OrErrno<WriteLock> center_lock = shadow_child(parent, left_slot + 1);
  if (!center_lock) return center_lock.error();
  OrErrno<WriteLock> right_lock = shadow_child(parent, left_slot + 2);
  if (!right_lock) return right_lock.error();
  NodeWriter left(left_lock->bytes());
  NodeWriter center(center_lock->bytes());
  NodeWriter right(right_lock->bytes());
  if (left.leaf() != center.leaf() || center.leaf() != right.leaf()) return EILSEQ;

  const u32 max = left.max_entries();
  if (left.nr_entries() + center.nr_entries() + right.nr_entries() >= max / 3 * 4 + 1) {
    even_out_three(left, center, right);
    parent.set_key(left_slot + 1, center.key(0));
    parent.set_key(left_slot + 2, right.key(0));
    return 0;
  }

  // Two are enough: the center goes, to the left as far as there is room (delete_center_node).
  center.move_to_left(left, std::min(max - left.nr_entries(), center.nr_entries()));
  center.move_to_right(right, center.nr_entries());
  parent.set_key(left_slot + 2, right.key(0));
  parent.erase(left_slot + 1);
  if (const int error = transactions_->dec(center_lock->location())) return error;
  return merge_or_even_out(parent, left_slot, *left_lock, *right_lock);
}

}  // namespace bioscope::persistent_data
