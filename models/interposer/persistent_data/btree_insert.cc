// SPDX-License-Identifier: Apache-2.0
// Adding to a tree (dm-btree.c: insert, btree_insert_raw, rebalance_or_split). On the way down each
// full node gets room before its child is looked at, so that a split always finds room above it:
// from a sibling that has some, else by a new node.
#include <algorithm>
#include <cerrno>

#include "models/interposer/persistent_data/btree.h"
#include "models/interposer/persistent_data/shadow_spine.h"
#include "models/interposer/persistent_data/transaction_manager.h"

namespace bioscope::persistent_data {
namespace {

// A sibling with less room than this is not worth the copying (SPACE_THRESHOLD).
constexpr u32 kWorthwhileRoom = 8;

bool contains(const NodeReader& node, u64 key) {
  const int slot = node.lower_bound(key);
  return slot >= 0 && node.key(static_cast<u32>(slot)) == key;
}

// An overwrite needs no room, but only a leaf knows that it is one.
bool has_room_for(const NodeReader& node, u64 key) {
  return node.nr_entries() < node.max_entries() || (node.leaf() && contains(node, key));
}

void even_out(NodeWriter& left, NodeWriter& right) {
  const u32 target_left = (left.nr_entries() + right.nr_entries()) / 2;
  if (left.nr_entries() < target_left) {
    right.move_to_left(left, target_left - left.nr_entries());
  } else {
    left.move_to_right(right, left.nr_entries() - target_left);
  }
}

// `middle` is empty. The targets are those of dm-btree.c: redistribute3.
void spread_over_three(NodeWriter& left, NodeWriter& middle, NodeWriter& right) {
  const u32 total = left.nr_entries() + right.nr_entries();
  const u32 target_left = total / 3;
  const u32 target_right = total - target_left - (total - target_left) / 2;
  if (left.nr_entries() < target_left) {
    right.move_to_left(left, target_left - left.nr_entries());
  }
  if (right.nr_entries() < target_right) {
    left.move_to_right(right, target_right - right.nr_entries());
  }
  left.move_to_right(middle, left.nr_entries() - target_left);
  right.move_to_left(middle, right.nr_entries() - target_right);
}

void keep_the_one_for(u64 key, ShadowSpine& spine, WriteLock left, WriteLock right) {
  const bool belongs_left = key < NodeReader(right.bytes()).key(0);
  spine.set_current(belongs_left ? std::move(left) : std::move(right));
}

}  // namespace

int Btree::insert(u64& root, u64 key, std::span<const u8> value) const {
  ShadowSpine spine(*this, root);
  if (const int error = spine.begin()) return error;
  if (!has_room_for(spine.current(), key)) {
    if (const int error = split_root(spine)) return error;
  }
  while (!spine.current().leaf()) {
    NodeWriter node = spine.current();
    int slot = node.lower_bound(key);
    if (slot < 0) {
      node.set_key(0, key);
      slot = 0;
    }
    if (const int error = spine.step(static_cast<u32>(slot))) return error;
    if (has_room_for(spine.current(), key)) continue;
    if (const int error = make_room(spine, static_cast<u32>(slot), key)) return error;
  }

  NodeWriter leaf = spine.current();
  const int slot = leaf.lower_bound(key);
  if (slot < 0 || leaf.key(static_cast<u32>(slot)) != key) {
    leaf.insert(static_cast<u32>(slot + 1), key, value);
    return 0;
  }
  const std::span<const u8> old_bytes = leaf.value(static_cast<u32>(slot));
  if (std::ranges::equal(old_bytes, value)) return 0;
  const std::vector<u8> old(old_bytes.begin(), old_bytes.end());
  leaf.set_value(static_cast<u32>(slot), value);
  return values_->dec(old);
}

// The contents of the root go to two new children (btree_split_beneath).
int Btree::split_root(ShadowSpine& spine) const {
  NodeWriter root = spine.current();
  OrErrno<WriteLock> left_lock = new_node(root.leaf(), root.value_size_bytes());
  if (!left_lock) return left_lock.error();
  OrErrno<WriteLock> right_lock = new_node(root.leaf(), root.value_size_bytes());
  if (!right_lock) {
    static_cast<void>(transactions_->dec(left_lock->location()));
    return right_lock.error();
  }
  NodeWriter left(left_lock->bytes());
  NodeWriter right(right_lock->bytes());
  const u32 in_left = root.nr_entries() / 2;
  left.copy_entries(root, 0, in_left);
  right.copy_entries(root, in_left, root.nr_entries() - in_left);
  root.format(false, sizeof(u64));
  root.insert_child(0, left.key(0), left_lock->location());
  root.insert_child(1, right.key(0), right_lock->location());
  return 0;
}

// A shared sibling is left alone: to break the sharing costs more than a new node.
OrErrno<bool> Btree::sibling_has_room(u64 block, bool& shared) const {
  const OrErrno<bool> is_shared = transactions_->space_map().is_shared(block);
  if (!is_shared) return is_shared;
  shared = *is_shared;
  if (shared) return false;
  const OrErrno<ReadLock> lock = read_node(block);
  if (!lock) return std::unexpected(lock.error());
  const NodeReader node(lock->bytes());
  return node.max_entries() - node.nr_entries() >= kWorthwhileRoom;
}

int Btree::make_room(ShadowSpine& spine, u32 slot, u64 key) const {
  const NodeWriter parent = spine.parent();
  const u32 siblings = parent.nr_entries();
  bool left_shared = false;
  bool right_shared = false;
  if (slot > 0) {
    const OrErrno<bool> room = sibling_has_room(parent.child(slot - 1), left_shared);
    if (!room) return room.error();
    if (*room) return even_out_with_sibling(spine, slot, slot - 1, key);
  }
  if (slot + 1 < siblings) {
    const OrErrno<bool> room = sibling_has_room(parent.child(slot + 1), right_shared);
    if (!room) return room.error();
    if (*room) return even_out_with_sibling(spine, slot, slot + 1, key);
  }
  // Two full nodes make three, which keeps them fuller; at the ends, where keys that ascend or
  // descend come in, one makes two.
  const bool at_an_end = siblings <= 2 || slot == 0 || slot + 1 == siblings;
  if (left_shared || right_shared || at_an_end) return split_in_two(spine, slot, key);
  return split_two_in_three(spine, slot, key);
}

int Btree::even_out_with_sibling(ShadowSpine& spine, u32 slot, u32 sibling, u64 key) const {
  NodeWriter parent = spine.parent();
  OrErrno<WriteLock> sibling_lock = shadow_child(parent, sibling);
  if (!sibling_lock) return sibling_lock.error();
  WriteLock left_lock = sibling < slot ? std::move(*sibling_lock) : spine.take_current();
  WriteLock right_lock = sibling < slot ? spine.take_current() : std::move(*sibling_lock);
  NodeWriter left(left_lock.bytes());
  NodeWriter right(right_lock.bytes());
  if (left.leaf() != right.leaf()) return EILSEQ;
  even_out(left, right);
  parent.set_key(std::max(slot, sibling), right.key(0));
  keep_the_one_for(key, spine, std::move(left_lock), std::move(right_lock));
  return 0;
}

int Btree::split_in_two(ShadowSpine& spine, u32 slot, u64 key) const {
  NodeWriter parent = spine.parent();
  NodeWriter left = spine.current();
  OrErrno<WriteLock> right_lock = new_node(left.leaf(), left.value_size_bytes());
  if (!right_lock) return right_lock.error();
  NodeWriter right(right_lock->bytes());
  even_out(left, right);
  parent.insert_child(slot + 1, right.key(0), right_lock->location());
  keep_the_one_for(key, spine, spine.take_current(), std::move(*right_lock));
  return 0;
}

int Btree::split_two_in_three(ShadowSpine& spine, u32 slot, u64 key) const {
  NodeWriter parent = spine.parent();
  NodeWriter right = spine.current();
  OrErrno<WriteLock> left_lock = shadow_child(parent, slot - 1);
  if (!left_lock) return left_lock.error();
  NodeWriter left(left_lock->bytes());
  if (left.leaf() != right.leaf()) return EILSEQ;
  OrErrno<WriteLock> middle_lock = new_node(left.leaf(), left.value_size_bytes());
  if (!middle_lock) return middle_lock.error();
  NodeWriter middle(middle_lock->bytes());
  spread_over_three(left, middle, right);
  parent.set_key(slot, right.key(0));
  parent.insert_child(slot, middle.key(0), middle_lock->location());
  if (key < middle.key(0)) {
    spine.set_current(std::move(*left_lock));
  } else {
    keep_the_one_for(key, spine, std::move(*middle_lock), spine.take_current());
  }
  return 0;
}

}  // namespace bioscope::persistent_data
