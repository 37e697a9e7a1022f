// SPDX-License-Identifier: Apache-2.0
// The way from the root of a tree to a leaf, each node shadowed and named by its parent; the last
// two are locked (dm-btree-spine.c: struct shadow_spine).
#pragma once

#include "models/interposer/persistent_data/btree.h"

namespace bioscope::persistent_data {

class ShadowSpine {
 public:
  // `tree` and `root` must outlive the spine; `root` becomes the shadowed root with the first step.
  ShadowSpine(const Btree& tree, u64& root) : tree_(tree), root_(root) {}

  // To the root.
  [[nodiscard]] int begin();

  // To child `slot` of the current node, which becomes the parent. EILSEQ: deeper than a tree is.
  [[nodiscard]] int step(u32 slot);

  bool at_root() const { return depth_ == 1; }

  // REQUIRES: begin(), and for the parent: !at_root().
  NodeWriter current() { return NodeWriter(current_.bytes()); }
  NodeWriter parent() { return NodeWriter(parent_.bytes()); }

  // Gives the current node away, to be compared with a sibling; one of the two comes back.
  WriteLock take_current() { return std::move(current_); }
  void set_current(WriteLock node) { current_ = std::move(node); }

 private:
  const Btree& tree_;
  u64& root_;
  u32 depth_ = 0;
  WriteLock parent_;
  WriteLock current_;
};

}  // namespace bioscope::persistent_data
