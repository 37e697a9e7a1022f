// SPDX-License-Identifier: Apache-2.0
// snapshot ORIGIN COW P|PO|N CHUNK [features]: what a device held when the snapshot was first
// resumed, with writes of its own. drivers/md/dm-snap.c; snapshot_merge.h builds on it.
//
// Invariants:
//   S1  A chunk without exception is read from the origin, tracked, and nobody overwrites it there
//       until such reads have ended (R65). A chunk with a complete one is read and written on the
//       COW device only.
//   S2  A completed exception is in the table only after its data is on the COW device and, of a
//       persistent one, its entry is durable (K1).
//   S3  A write to the snapshot makes an exception first; it copies the chunk unless it covers the
//       whole of it (R66). A write to the origin waits for the copies of all snapshots (R67).
//   S4  Once invalid, always: no data I/O, nothing is copied any more, origin writes go on (R68,
//       R69).
//   S5  A snapshot is destroyed when no pending exception and no copy of it is left.
// Locks as in the kernel: `lock` (rw) around what says what the snapshot is, its pe_lock around
// both exception tables (the kernel locks single hash slots). Nothing of a snapshot is waited for
// with pe_lock held.
#pragma once

#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "models/interposer/dm/kcopyd.h"
#include "models/interposer/dm/target.h"
#include "models/interposer/targets/exception_store.h"
#include "models/interposer/targets/exception_table.h"
#include "models/interposer/targets/pending_exceptions.h"
#include "models/interposer/targets/snapshot_registry.h"
#include "models/interposer/targets/tracked_chunks.h"
#include "models/runtime/mutex.h"
#include "models/runtime/rw_semaphore.h"

namespace bioscope::dm {

// Copies in progress at a time, above which writers wait (DEFAULT_COW_THRESHOLD).
inline constexpr u32 kCowThreshold = 2048;

class Snapshot : public Target {
 public:
  static Constructed construct(const TargetArguments& arguments);

  // --- snapshot.cc
  void shut_down() override;
  std::string status(StatusType type) override;
  bool iterate_devices(const DeviceVisitor& visit) override;
  void io_hints(blk::QueueLimits& limits) override;

  // --- snapshot_map.cc
  MapResult map(blk::Bio& clone) override;
  EndResult end_io(blk::Bio& clone, int& error) override;

  // --- snapshot_handover.cc
  int preresume() override;
  void resume() override;

  // --- snapshot_copy.cc
  // This snapshot's part of __origin_write(): true if the chunk of `sector` is being copied. Then
  // `bio` is queued and null afterwards; a copy that has to be started for it is `start_last`, any
  // other has been started. REQUIRES: origins_lock.
  bool copy_out(u64 sector, blk::Bio*& bio, PendingException*& start_last);
  void start_copy(PendingException& pending);
  bool too_many_copies() const { return copies_.load() > kCowThreshold; }

  // --- for the registry
  bool is_merge() const { return is_merge_; }
  bool is_active();
  bool can_merge();
  blk::BlockDevice& origin_bdev() const { return *origin_.bdev; }
  blk::BlockDevice& cow_bdev() const { return *cow_.bdev; }

 protected:
  struct Features {
    bool discard_zeroes_cow = false;
    bool discard_passdown_origin = false;
  };
  struct Parts {
    DmDev& origin;
    DmDev& cow;
    Features features;
    std::unique_ptr<ExceptionStore> store;
  };
  // snapshot_ctr() up to the store: words and devices.
  static std::expected<Features, ConstructError> parse_features(std::span<const std::string> words);
  static std::expected<Parts, ConstructError> prepare(const TargetArguments& arguments);
  Snapshot(const TargetArguments& arguments, Parts parts);
  // The rest of it: registers, reads what the COW device has. Shuts down again when it fails.
  std::optional<ConstructError> start();

  // The least of what the origin's snapshots have.
  u32 origin_minimum_chunk_sectors() { return registry_.minimum_chunk_sectors(*origin_.bdev); }
  void remap_to_copy(blk::Bio& clone, u64 new_chunk) const;

  DmDev& origin_;
  DmDev& cow_;
  SnapshotRegistry& registry_;
  const Features features_;

  rt::RwSemaphore lock_{"snapshot_lock"};
  // Under lock_.
  std::unique_ptr<ExceptionStore> store_;
  bool valid_ = true;
  bool overflowed_ = false;
  bool active_ = false;  // origin writes make no exceptions until it is
  bool merge_failed_ = false;
  // Under lock_ for writing, or lock_ for reading and pe_lock_.
  ExceptionTable complete_;
  rt::Mutex pe_lock_{"pe_lock"};
  PendingExceptions pending_;  // its table: under pe_lock_
  TrackedChunks tracked_;
  rt::Atomic<u32> copies_{0, "in_progress"};
  std::unique_ptr<Kcopyd> kcopyd_;

 private:
  std::optional<ConstructError> read_metadata();

  // --- snapshot_map.cc
  // What is left to do once the locks are dropped.
  struct Step {
    MapResult result = MapResult::Remapped;
    PendingException* copy = nullptr;
    PendingException* full = nullptr;
    bool no_room = false;
    bool zero = false;
  };
  Step map_locked(blk::Bio& clone);
  Step map_discard(blk::Bio& clone, bool copied);
  Step map_write(blk::Bio& clone, u64 chunk, std::unique_lock<rt::Mutex>& tables);
  bool covers_chunk(const blk::Bio& clone) const;
  void out_of_room();
  void start_full_bio(PendingException& pending, blk::Bio& clone);
  void zero_copy(blk::Bio& clone);

  // --- snapshot_copy.cc
  // A pending exception for a chunk that has none; drops and takes `tables`, so it looks again.
  // Null: no room. `copy`: it was completed meanwhile.
  PendingException* make_pending(u64 chunk, std::unique_lock<rt::Mutex>& tables,
                                 std::optional<u64>& copy);
  void copy_done(PendingException& pending, int error);
  void complete_exception(PendingException& pending, bool success);
  void begin_copy() { copies_.fetch_add(1); }
  void end_copy();
  void wait_for_copies();
  void invalidate(int error);
  void invalidate_locked(int error);

  // --- snapshot_handover.cc
  void hand_over(Snapshot& destination);
  void activate();

  const bool is_merge_;
};

}  // namespace bioscope::dm
