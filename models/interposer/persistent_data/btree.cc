// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/btree.h"

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "models/interposer/persistent_data/transaction_manager.h"

namespace bioscope::persistent_data {

int VisitBudget::spend() {
  if (blocks == 0) return EILSEQ;
  --blocks;
  return 0;
}

OrErrno<u64> Btree::create() const {
  const OrErrno<WriteLock> node = new_node(true, values_->size_bytes());
  if (!node) return std::unexpected(node.error());
  return node->location();
}

OrErrno<WriteLock> Btree::new_node(bool leaf, u32 value_size_bytes) const {
  OrErrno<WriteLock> lock = transactions_->new_block(kNodeValidator);
  if (lock) NodeWriter(lock->bytes()).format(leaf, value_size_bytes);
  return lock;
}

OrErrno<ReadLock> Btree::read_node(u64 block) const {
  OrErrno<ReadLock> lock = transactions_->read_lock(block, kNodeValidator);
  if (!lock) return lock;
  const NodeReader node(lock->bytes());
  if (node.leaf() && node.value_size_bytes() != values_->size_bytes()) {
    return std::unexpected(EILSEQ);
  }
  return lock;
}

OrErrno<WriteLock> Btree::shadow_node(u64 block) const {
  // Looked at first, so that a node of another type is refused before anything is counted.
  if (const OrErrno<ReadLock> node = read_node(block); !node) {
    return std::unexpected(node.error());
  }
  OrErrno<TransactionManager::Shadow> shadow = transactions_->shadow_block(block, kNodeValidator);
  if (!shadow) return std::unexpected(shadow.error());
  if (shadow->shared) {
    if (const int error = inc_children(NodeReader(shadow->lock.bytes()))) {
      return std::unexpected(error);
    }
  }
  return std::move(shadow->lock);
}

OrErrno<WriteLock> Btree::shadow_child(NodeWriter& parent, u32 index) const {
  OrErrno<WriteLock> child = shadow_node(parent.child(index));
  if (child) parent.set_child(index, child->location());
  return child;
}

// Neighbouring children are counted in one go, as dm_tm_with_runs does.
int Btree::inc_children(const NodeReader& node) const {
  const u32 entries = node.nr_entries();
  if (node.leaf()) return entries == 0 ? 0 : values_->inc(node.values(0, entries));
  for (u32 i = 0; i < entries;) {
    const u64 begin = node.child(i);
    u64 count = 0;
    while (i < entries && node.child(i) == begin + count) {
      ++i;
      ++count;
    }
    if (const int error = transactions_->space_map().inc(begin, count)) return error;
  }
  return 0;
}

int Btree::lookup(u64 root, u64 key, std::span<u8> value) const {
  assert(value.size() == values_->size_bytes());
  u64 block = root;
  for (u32 depth = 0; depth < kMaxTreeDepth; ++depth) {
    const OrErrno<ReadLock> lock = read_node(block);
    if (!lock) return lock.error();
    const NodeReader node(lock->bytes());
    const int slot = node.lower_bound(key);
    if (slot < 0) return ENODATA;
    const u32 index = static_cast<u32>(slot);
    if (node.leaf()) {
      if (node.key(index) != key) return ENODATA;
      std::ranges::copy(node.value(index), value.begin());
      return 0;
    }
    block = node.child(index);
  }
  return EILSEQ;
}

OrErrno<std::optional<u64>> Btree::lowest_key(u64 root) const {
  u64 block = root;
  for (u32 depth = 0; depth < kMaxTreeDepth; ++depth) {
    const OrErrno<ReadLock> lock = read_node(block);
    if (!lock) return std::unexpected(lock.error());
    const NodeReader node(lock->bytes());
    if (node.leaf()) return node.nr_entries() == 0 ? std::nullopt : std::optional(node.key(0));
    block = node.child(0);
  }
  return std::unexpected(EILSEQ);
}

}  // namespace bioscope::persistent_data
