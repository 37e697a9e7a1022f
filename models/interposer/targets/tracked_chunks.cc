// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/tracked_chunks.h"

#include <mutex>

#include "models/interposer/block/plug.h"
#include "models/interposer/dm/target.h"

namespace bioscope::dm {

void TrackedChunks::init(blk::Bio& clone) {
  make_per_bio_data<Node>(clone);
}

void TrackedChunks::track(blk::Bio& clone, u64 chunk) {
  Node& node = per_bio_data<Node>(clone);
  Node*& slot = slots_[chunk % kSlots];
  const std::lock_guard guard(lock_);
  node = {true, chunk, nullptr, slot};
  if (slot != nullptr) slot->previous = &node;
  slot = &node;
}

void TrackedChunks::stop(blk::Bio& clone) {
  Node& node = per_bio_data<Node>(clone);
  if (!node.tracked) return;
  bool wake = false;
  {
    const std::lock_guard guard(lock_);
    (node.previous != nullptr ? node.previous->next : slots_[node.chunk % kSlots]) = node.next;
    if (node.next != nullptr) node.next->previous = node.previous;
    node.tracked = false;
    wake = waiters_ > 0;
  }
  if (wake) wait_.wake_up_all();
}

bool TrackedChunks::is_tracked(u64 chunk) const {
  for (const Node* each = slots_[chunk % kSlots]; each != nullptr; each = each->next) {
    if (each->chunk == chunk) return true;
  }
  return false;
}

void TrackedChunks::wait_until_free(u64 chunk) {
  const std::lock_guard guard(lock_);
  if (!is_tracked(chunk)) return;
  blk::flush_plug();
  ++waiters_;
  wait_.wait_event_locked(lock_, [&] { return !is_tracked(chunk); });
  --waiters_;
}

}  // namespace bioscope::dm
