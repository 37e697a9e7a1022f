// SPDX-License-Identifier: Apache-2.0
// The exceptions of a snapshot that are not complete yet: their chunks are being copied, and bios
// wait for them. struct dm_snap_pending_exception and what surrounds it.
//
// Invariants:
//   N1  A chunk has at most one pending exception. It is in the table from before its copy starts
//       until after the completed exception is in place and all tracked reads have ended, so
//       whoever looks for the chunk meanwhile finds one of the two.
//   N2  Bios are queued on a pending exception only while it is in the table.
//   N3  Copies end in any order; exceptions are committed in the order of their allocation (R64).
#pragma once

#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "models/interposer/block/bio.h"
#include "models/interposer/targets/exception_store.h"
#include "models/runtime/atomic.h"
#include "models/runtime/wait_queue.h"

namespace bioscope::dm {

class Snapshot;

struct PendingException {
  explicit PendingException(Snapshot& owner) : snapshot(owner) {}

  Snapshot& snapshot;
  Exception exception;
  blk::BioList origin_bios;    // writes to the origin that wait for the copy
  blk::BioList snapshot_bios;  // writes to the snapshot, already aimed at the copy
  bool started = false;        // kcopyd or the full bio is at it
  bool copy_error = false;
  u64 sequence = 0;              // of its allocation
  blk::Bio* full_bio = nullptr;  // a write of the whole chunk, instead of a copy (R66)
};

// The table is the caller's to lock (pe_lock); the order of completion belongs to kcopyd's worker;
// the count is thread-safe.
class PendingExceptions {
 public:
  // --- the table
  // alloc_pending_exception(), free_pending_exception(): counted while they exist, in the table or
  // not. To be called without pe_lock.
  std::unique_ptr<PendingException> allocate(Snapshot& snapshot);
  void release(std::unique_ptr<PendingException> pending);
  // Null: there is none.
  PendingException* find(u64 chunk) const;
  // Allocates its place in `store`. Null, and `fresh` still the caller's: there is no room.
  PendingException* insert(std::unique_ptr<PendingException>& fresh, u64 chunk,
                           ExceptionStore& store);
  std::unique_ptr<PendingException> take(PendingException& pending);

  // Waits until none exists. REQUIRES: no new one can be allocated.
  void wait_until_none();
  u32 count() const { return count_.load(); }

  // --- N3
  // The copy of `pending` has ended: appends to `ready` what may be committed now, in order.
  void copied(PendingException& pending, std::vector<PendingException*>& ready);

 private:
  std::unordered_multimap<u64, std::unique_ptr<PendingException>> table_;
  u64 start_sequence_ = 0;
  rt::Atomic<u32> count_{0, "pending_exceptions_count"};
  rt::WaitQueue none_{"pending_exceptions_none"};

  u64 complete_sequence_ = 0;
  std::map<u64, PendingException*> out_of_order_;
};

}  // namespace bioscope::dm
