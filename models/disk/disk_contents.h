// SPDX-License-Identifier: Apache-2.0
// What a disk with a volatile cache holds: what reads see, what is durable, and everything that a
// power cut could leave.
//
// Invariants:
//   C1  A sector that was never written reads as zeroes.
//   C2  Reads see the last write that was executed, durable or not.
//   C3  After a flush every executed write is durable; after a FUA write that write is.
//   C4  A power cut leaves of each sector, independently of every other, its durable bytes or any
//       version written since: sectors are atomic, writes are not.
#pragma once

#include <array>
#include <map>
#include <span>
#include <vector>

#include "models/base/chooser.h"
#include "models/trace/trace.h"

namespace bioscope {

using SectorBytes = std::array<u8, kSectorBytes>;

// Not thread-safe.
class DiskContents {
 public:
  explicit DiskContents(CacheMode cache) : cache_(cache) {}

  // The bytes that a read of `range` sees.
  std::vector<u8> read(Range range) const;

  // REQUIRES: bytes.size() == range.count_sectors * kSectorBytes.
  void write(Range range, std::span<const u8> bytes, bool fua);

  // Zeroes, through the cache like a write.
  void discard(Range range);

  void flush();

  // A write that was submitted and not executed may reach the medium all the same. REQUIRES: as
  // write(). What it would leave counts for power_cut() until the next one.
  void may_reach_medium(Range range, std::span<const u8> bytes);

  // All that the sector can hold after a power cut now, without repetition, the durable first.
  std::vector<SectorBytes> after_power_cut(u64 sector) const;

  // Sectors for which there is more than one possibility, ascending.
  std::vector<u64> undecided_sectors() const;

  // Power goes: each undecided sector becomes one of its possibilities, as the chooser picks.
  void power_cut(Chooser& chooser);

 private:
  struct SectorState {
    SectorBytes durable{};
    std::vector<SectorBytes> cached;     // oldest first; the last is what reads see
    std::vector<SectorBytes> in_flight;  // submitted, never executed
  };

  CacheMode cache_;
  std::map<u64, SectorState> sectors_;
};

}  // namespace bioscope
