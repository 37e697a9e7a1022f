// SPDX-License-Identifier: Apache-2.0
// The store of a snapshot that survives: drivers/md/dm-snap-persistent.c, on the format of
// cow_format.h.
//
// Invariants:
//   K1  An exception counts when its entry is durable: entries are written with PREFLUSH (the data
//       before them) and FUA, a whole area at a time, when no allocated exception is left
//       uncommitted or the area is full (R64). Only then is anybody told.
//   K2  Before an area that is full is written, the next one is zeroed, so that a scan ends there.
//   K3  Chunks are handed out in ascending order and never one that holds metadata (R63).
//   K4  Once something failed nothing more is committed: every later exception fails (R68).
//   K5  A merge takes entries away from the end (R72).
#pragma once

#include <vector>

#include "models/interposer/targets/cow_format.h"
#include "models/interposer/targets/exception_store.h"
#include "models/runtime/atomic.h"

namespace bioscope::dm {

class PersistentStore final : public ExceptionStore {
 public:
  PersistentStore(DmDev& origin, DmDev& cow) : ExceptionStore(origin, cow, 0) {}

  int read_metadata(const Add& add, bool& invalid) override;
  int prepare_exception(Exception& exception) override;
  void commit_exception(const Exception& exception, bool valid, Committed committed) override;
  bool can_merge() const override { return true; }
  std::expected<MergeRun, int> prepare_merge() override;
  int commit_merge(u32 count) override;
  void drop_snapshot() override;
  StoreUsage usage() const override;
  std::string_view type_word() const override { return overflow_supported ? "PO" : "P"; }

 private:
  // 0 or a positive errno. `header`: what was found, or nothing on a device that is new.
  int read_header(std::optional<CowHeader>& header);
  int write_header();
  int start_anew();
  int read_exceptions(const Add& add);
  int area_io(blk::BioOp op, blk::OpFlags opf);
  int zero_area(u64 area);
  // chunk_io(). `bytes` is one chunk.
  int chunk_io(u64 chunk, blk::BioOp op, blk::OpFlags opf, std::span<u8> bytes);
  std::size_t chunk_bytes() const { return std::size_t{chunk_sectors()} * kSectorBytes; }
  CowLayout layout() const { return CowLayout(chunk_sectors()); }
  bool area_full() const { return committed_ == layout().entries_per_area(); }
  u64 next_after(u64 chunk) const;

  rt::Atomic<bool> valid_{true, "ps_valid"};
  rt::Atomic<u32> pending_{0, "ps_pending_count"};  // allocated, not committed
  rt::Atomic<u64> current_area_{0, "ps_current_area"};
  rt::Atomic<u64> next_free_{kCowHeaderChunks + 1, "ps_next_free"};
  // Of the thread that commits.
  std::vector<u8> area_;  // the current one, as it is or will be on the device
  u32 committed_ = 0;     // entries in it
  std::vector<Committed> waiting_;
};

}  // namespace bioscope::dm
