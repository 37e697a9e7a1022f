// SPDX-License-Identifier: Apache-2.0
// Where a snapshot keeps its exceptions: struct dm_exception_store and its type. The store decides
// where on the COW device each chunk goes and when an exception counts; the snapshot copies.
#pragma once

#include <atomic>
#include <bit>
#include <expected>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>

#include "models/interposer/dm/target.h"
#include "models/interposer/targets/exception_table.h"

namespace bioscope::dm {

// Sectors, as the status line prints them.
struct StoreUsage {
  u64 allocated_sectors = 0;
  u64 total_sectors = 0;
  u64 metadata_sectors = 0;
};

// What is to be merged next: `count` consecutive chunks that end with these.
struct MergeRun {
  u64 last_old_chunk = 0;
  u64 last_new_chunk = 0;
  u32 count = 0;  // 0: everything is merged
};

// Who may call what at the same time: prepare_exception() under the snapshot's pe_lock;
// commit_exception() and the merge functions by one thread at a time (kcopyd's worker);
// drop_snapshot() and usage() with the snapshot's lock held for writing. These three groups run
// side by side.
class ExceptionStore {
 public:
  using Add = std::function<void(const Exception& exception)>;
  using Committed = std::move_only_function<void(bool success)>;

  virtual ~ExceptionStore() = default;

  // Reads what is on the COW device, or starts it anew. 0 or a positive errno; `invalid`: it says
  // of itself that it is lost. May change the chunk size.
  [[nodiscard]] virtual int read_metadata(const Add& add, bool& invalid) = 0;
  // Finds room for one more: sets `exception.new_chunk`. ENOSPC: there is none.
  [[nodiscard]] virtual int prepare_exception(Exception& exception) = 0;
  // Its data has been copied (`valid`) or not. `committed` is called once, perhaps by a later call.
  virtual void commit_exception(const Exception& exception, bool valid, Committed committed) = 0;

  virtual bool can_merge() const { return false; }
  // The last exceptions that are still there (R72), or a positive errno. REQUIRES: can_merge().
  virtual std::expected<MergeRun, int> prepare_merge();
  // Forgets the last `count` on the device. 0 or a positive errno.
  [[nodiscard]] virtual int commit_merge(u32 count);

  // The snapshot is invalid for good: note it. Called where a bio is being submitted.
  virtual void drop_snapshot() {}

  virtual StoreUsage usage() const = 0;
  // "P", "PO" or "N".
  virtual std::string_view type_word() const = 0;

  // 0 until it is known. Atomic, since the chunk size on the disk wins (R61) when others look.
  u32 chunk_sectors() const { return chunk_sectors_.load(); }
  // For a store that is handed its exceptions later: it has no say in split boundaries.
  void forget_chunk_size() { chunk_sectors_.store(0); }
  u64 sector_to_chunk(u64 sector) const { return sector >> chunk_shift(); }
  // A chunk past every device is a sector past every device.
  u64 chunk_to_sector(u64 chunk) const {
    constexpr u64 kMost = std::numeric_limits<u64>::max();
    return chunk > (kMost >> chunk_shift()) ? kMost : chunk << chunk_shift();
  }
  u64 chunk_mask() const { return u64{chunk_sectors()} - 1; }

  // The table that has the store now; a handover changes it.
  void set_devices(DmDev& origin, DmDev& cow) {
    origin_ = &origin;
    cow_ = &cow;
  }

  // Userspace knows "Overflow" (PO, R68).
  bool overflow_supported = false;

 protected:
  ExceptionStore(DmDev& origin, DmDev& cow, u32 chunk_sectors)
      : origin_(&origin), cow_(&cow), chunk_sectors_(chunk_sectors) {}

  blk::BlockDevice& cow() const { return *cow_->bdev; }
  // dm_exception_store_set_chunk_size() (R60). Empty, or why it is refused.
  std::string set_chunk_size(u32 chunk_sectors);
  void set_default_chunk_size(u32 chunk_sectors) { chunk_sectors_.store(chunk_sectors); }

 private:
  friend std::expected<std::unique_ptr<ExceptionStore>, std::string> create_exception_store(
      DmDev& origin, DmDev& cow, const std::string& type, const std::string& chunk_size);

  u32 chunk_shift() const { return static_cast<u32>(std::countr_zero(chunk_sectors())); }

  DmDev* origin_;
  DmDev* cow_;
  std::atomic<u32> chunk_sectors_;
};

// dm_exception_store_create(): `type` begins with P or N, in either case; after P may come O.
// Unexpected: why it is refused, always EINVAL.
std::expected<std::unique_ptr<ExceptionStore>, std::string> create_exception_store(
    DmDev& origin, DmDev& cow, const std::string& type, const std::string& chunk_size);

}  // namespace bioscope::dm
