// SPDX-License-Identifier: Apache-2.0
// What snapshots and origins of one machine know of each other: the `_origins` and `_dm_origins`
// hashes of drivers/md/dm-snap.c with their lock.
//
// Invariants:
//   G1  Origins are told apart by the block device itself: a bypass and its original are one, a
//       mapped device on top is another (R75).
//   G2  Snapshots of an origin are sorted by chunk size, largest first: each knows its size as of
//       its registration, the minimum counts as of now (R74).
//   G3  Who holds origins_lock for reading may use every snapshot that is registered: a snapshot
//       leaves under the write lock, and is destroyed after that.
// Order of locks: origins_lock, a snapshot's lock, its pe_lock, its tracked_chunk_lock.
#pragma once

#include <expected>
#include <unordered_map>
#include <vector>

#include "models/interposer/dm/target.h"
#include "models/runtime/atomic.h"
#include "models/runtime/rw_semaphore.h"
#include "models/runtime/wait_queue.h"

namespace bioscope::dm {

class Snapshot;

class SnapshotRegistry final : public Module {
 public:
  // The one of the machine that a table belongs to.
  static SnapshotRegistry& of(const Table& table);

  rt::RwSemaphore origins_lock{"_origins_lock"};

  // --- snapshots
  // register_snapshot(): true if exceptions will be handed over to it (R71). EINVAL: a third one
  // of the same COW device, or a second merge.
  std::expected<bool, ConstructError> add(Snapshot& snapshot, u32 chunk_sectors);
  // reregister_snapshot(): into its place by its chunk size.
  void move(Snapshot& snapshot, u32 chunk_sectors);
  // Its chunk size has turned out to be another; 0: not known yet, and of no account.
  void set_chunk_sectors(Snapshot& snapshot, u32 chunk_sectors);
  void remove(Snapshot& snapshot);

  // __find_snapshots_sharing_cow(): registered with the same origin and COW device.
  struct Sharing {
    u32 count = 0;
    Snapshot* source = nullptr;       // active: has exceptions to hand over
    Snapshot* destination = nullptr;  // not active yet
    Snapshot* merging = nullptr;      // of the same origin, with any COW device
  };
  // REQUIRES: origins_lock; no lock of a snapshot.
  Sharing find_sharing_cow(const Snapshot& snapshot) const;

  // get_origin_minimum_chunksize(): 2^31 without a snapshot.
  u32 minimum_chunk_sectors(const blk::BlockDevice& origin);

  // --- origins that are live
  void add_origin(const Target& target, const blk::BlockDevice& origin);
  void remove_origin(const Target& target);
  // Null: there is none. REQUIRES: origins_lock.
  MappedDevice* find_origin(const blk::BlockDevice& origin) const;

  // --- writes to origins
  // do_origin(): Remapped: every snapshot has what it needs, the write may go on. Submitted: it is
  // queued behind a copy. `limit`: waits while too many copies are in progress.
  MapResult do_origin(const blk::BlockDevice& origin, blk::Bio& bio, bool limit);
  // origin_write_extent(), for what a merge writes. True: something is being copied; wait and ask
  // again. REQUIRES: `step_sectors` is at most every snapshot's chunk.
  bool write_extent(const blk::BlockDevice& origin, u64 sector, u64 count_sectors,
                    u64 step_sectors);

  // _pending_exceptions_done.
  u64 exceptions_done() const { return exceptions_done_.load(); }
  void exception_done();
  void wait_for_exception(u64 seen);

  // Copies in progress fell to the threshold again (in_progress_wait).
  u64 copies_ended() const { return copies_ended_.load(); }
  void copies_fell();
  void wait_for_copies(u64 seen);

 private:
  struct Entry {
    Snapshot* snapshot = nullptr;
    u32 chunk_sectors = 0;
  };
  struct Origin {
    std::vector<Entry> snapshots;  // G2
  };
  struct DmOrigin {
    const Target* target = nullptr;
    const blk::BlockDevice* origin = nullptr;
    MappedDevice* device = nullptr;
  };

  Origin* find(const blk::BlockDevice& origin);
  const Origin* find(const blk::BlockDevice& origin) const;
  Entry* find(const Snapshot& snapshot);
  static void insert(Origin& origin, const Entry& entry);
  std::expected<bool, ConstructError> validate_handover(const Snapshot& snapshot) const;
  // __origin_write(): true: something is being copied; `bio`, if there is one, is queued then.
  static bool write(Origin& origin, u64 sector, blk::Bio* bio);

  std::unordered_map<const blk::BlockDevice*, Origin> origins_;  // under origins_lock
  std::vector<DmOrigin> dm_origins_;                             // under origins_lock
  rt::Atomic<u64> exceptions_done_{0, "_pending_exceptions_done_count"};
  rt::WaitQueue exceptions_wait_{"_pending_exceptions_done"};
  rt::Atomic<u64> copies_ended_{0, "copies_ended"};
  rt::WaitQueue copies_wait_{"in_progress_wait"};
};

}  // namespace bioscope::dm
