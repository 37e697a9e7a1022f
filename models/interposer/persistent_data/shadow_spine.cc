// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/shadow_spine.h"

#include <cassert>
#include <cerrno>

namespace bioscope::persistent_data {

int ShadowSpine::begin() {
  assert(depth_ == 0);
  OrErrno<WriteLock> root = tree_.shadow_node(root_);
  if (!root) return root.error();
  current_ = std::move(*root);
  root_ = current_.location();
  depth_ = 1;
  return 0;
}

int ShadowSpine::step(u32 slot) {
  if (depth_ >= kMaxTreeDepth) return EILSEQ;
  NodeWriter node = current();
  OrErrno<WriteLock> child = tree_.shadow_child(node, slot);
  if (!child) return child.error();
  parent_ = std::move(current_);
  current_ = std::move(*child);
  ++depth_;
  return 0;
}

}  // namespace bioscope::persistent_data
