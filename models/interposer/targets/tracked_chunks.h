// SPDX-License-Identifier: Apache-2.0
// Chunks with I/O on its way to where a chunk lies now: reads of a snapshot that go to the origin
// (R65), writes of a merging one that go to the COW device (R73). Whoever is about to move the
// chunk waits for them (dm_snap_tracked_chunk).
#pragma once

#include <array>

#include "models/interposer/block/bio.h"
#include "models/runtime/mutex.h"
#include "models/runtime/wait_queue.h"

namespace bioscope::dm {

// Thread-safe.
class TrackedChunks {
 public:
  // Of every bio that map() is given, before anything else.
  static void init(blk::Bio& clone);

  // REQUIRES: init(); not tracked.
  void track(blk::Bio& clone, u64 chunk);
  // In end_io(); of a bio that is not tracked it does nothing.
  void stop(blk::Bio& clone);

  // __check_for_conflicting_io(): waits until no bio is tracked for the chunk. The kernel polls.
  void wait_until_free(u64 chunk);

 private:
  // With the clone.
  struct Node {
    bool tracked = false;
    u64 chunk = 0;
    Node* previous = nullptr;
    Node* next = nullptr;
  };
  static constexpr std::size_t kSlots = 16;  // DM_TRACKED_CHUNK_HASH_SIZE

  bool is_tracked(u64 chunk) const;

  rt::Mutex lock_{"tracked_chunk_lock"};
  rt::WaitQueue wait_{"tracked_chunks"};
  u32 waiters_ = 0;  // under lock_, as the slots
  std::array<Node*, kSlots> slots_{};
};

}  // namespace bioscope::dm
