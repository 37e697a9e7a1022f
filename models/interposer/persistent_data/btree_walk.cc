// SPDX-License-Identifier: Apache-2.0
// Whole trees: walking them and erasing them. Both keep their place in a stack of locked nodes of
// bounded depth, and spend a budget for each node (K4).
#include <cerrno>
#include <vector>

#include "models/interposer/persistent_data/btree.h"
#include "models/interposer/persistent_data/transaction_manager.h"

namespace bioscope::persistent_data {
namespace {

struct Frame {
  ReadLock lock;
  u32 next_child = 0;
};

}  // namespace

int Btree::walk(u64 root, VisitBudget& budget, const Visit& visit) const {
  std::vector<Frame> stack;
  const auto descend = [&](u64 block) {
    if (stack.size() >= kMaxTreeDepth) return EILSEQ;
    if (const int error = budget.spend()) return error;
    OrErrno<ReadLock> lock = read_node(block);
    if (!lock) return lock.error();
    stack.push_back({std::move(*lock)});
    return 0;
  };

  if (const int error = descend(root)) return error;
  while (!stack.empty()) {
    Frame& top = stack.back();
    const NodeReader node(top.lock.bytes());
    if (top.next_child >= node.nr_entries()) {
      stack.pop_back();
      continue;
    }
    const u32 index = top.next_child++;
    const int error =
        node.leaf() ? visit(node.key(index), node.value(index)) : descend(node.child(index));
    if (error != 0) return error;
  }
  return 0;
}

// dm-btree.c: dm_btree_del.
int Btree::erase(u64 root) const {
  VisitBudget budget{transactions_->block_manager().blocks()};
  std::vector<Frame> stack;
  const auto descend = [&](u64 block) {
    if (stack.size() >= kMaxTreeDepth) return EILSEQ;
    const OrErrno<u32> count = transactions_->space_map().count(block);
    if (!count) return count.error();
    if (*count > 1) return transactions_->dec(block);  // others still refer to its children
    if (const int error = budget.spend()) return error;
    OrErrno<ReadLock> lock = read_node(block);
    if (!lock) return lock.error();
    stack.push_back({std::move(*lock)});
    return 0;
  };

  if (const int error = descend(root)) return error;
  while (!stack.empty()) {
    Frame& top = stack.back();
    const NodeReader node(top.lock.bytes());
    if (!node.leaf() && top.next_child < node.nr_entries()) {
      if (const int error = descend(node.child(top.next_child++))) return error;
      continue;
    }
    if (node.leaf() && node.nr_entries() > 0) {
      if (const int error = values_->dec(node.values(0, node.nr_entries()))) return error;
    }
    if (const int error = transactions_->dec(top.lock.location())) return error;
    stack.pop_back();
  }
  return 0;
}

}  // namespace bioscope::persistent_data
