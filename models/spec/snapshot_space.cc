// SPDX-License-Identifier: Apache-2.0
// The space of a store, and what its status may say (R63, R68 to R70).
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

constexpr u64 kExceptionBytes = 16;  // struct disk_exception

u64 exceptions_per_area(const SnapStore& store) {
  return std::max<u64>(1, store.chunk_sectors * kSectorBytes / kExceptionBytes);
}

}  // namespace

u64 Machine::total_of(const SnapStore& store) const {
  return store.cow == kNone ? 0 : size_most(store.cow);
}

// How many exceptions the COW device has room for (R63).
u64 Machine::capacity_of(const SnapStore& store) const {
  const u64 chunks = total_of(store) / store.chunk_sectors;
  if (!store.persistent) return chunks;
  if (chunks < 3) return 0;
  return chunks - 2 - (chunks - 2) / (exceptions_per_area(store) + 1);
}

// Sectors allocated after so many exceptions (R62, R63).
u64 Machine::space_after(const SnapStore& store, u64 exceptions) const {
  if (!store.persistent) return exceptions * store.chunk_sectors;
  return (2 + exceptions + exceptions / exceptions_per_area(store)) * store.chunk_sectors;
}

// R68: an origin write that finds no room, or any I/O error, makes it Invalid; a write of its own
// makes it Overflow under PO.
void Machine::recount(SnapStore& store, bool by_view) {
  const u64 capacity = capacity_of(store);
  if (store.possible.count() > capacity) {
    if (by_view && store.overflow_flag) {
      store.may_be_overflowed = true;
    } else {
      store.may_be_invalid = true;
    }
  }
  if (store.certain.count() > capacity) store.may_be_valid = false;
  bool faults = any_fault(store.cow_place.volume);
  for (const Piece& piece : store.origin_pieces) faults = faults || any_fault(piece.volume);
  if (faults) store.may_be_invalid = true;
}

// R70: Invalid > Merge failed > Overflow > allocated/total metadata.
bool Machine::status_fits(const SnapStore& store, std::string_view words) const {
  if (store.unknown) return true;
  if (words == "Invalid") return store.may_be_invalid;
  if (words == "Overflow") return store.may_be_overflowed;
  bool faults = any_fault(store.cow_place.volume);
  for (const Piece& piece : store.origin_pieces) faults = faults || any_fault(piece.volume);
  if (words == "Merge failed") return store.merging && faults;
  if (!store.may_be_valid && !store.slack) return false;
  const std::size_t slash = words.find('/');
  const std::size_t blank = words.find(' ');
  if (slash == std::string_view::npos || blank == std::string_view::npos || blank < slash) {
    return false;
  }
  const auto allocated = parse_number(words.substr(0, slash));
  const auto total = parse_number(words.substr(slash + 1, blank - slash - 1));
  const auto metadata = parse_number(words.substr(blank + 1));
  if (!allocated || !total || !metadata) return false;
  if (*total != total_of(store)) return false;
  const u64 chunk = store.chunk_sectors;
  const u64 per_area = exceptions_per_area(store);
  const u64 most = store.possible.count();
  const u64 least = store.merging ? 0 : std::min(store.certain.count(), most);
  if (store.merging)
    return *allocated <= space_after(store, most) + chunk && *allocated >= *metadata;
  for (u64 n = least; n <= most; ++n) {
    if (space_after(store, n) != *allocated) {
      if (!store.slack) continue;
      // After a merge that was cut short the next free chunk is only known to lie below.
      if (*allocated > space_after(store, most)) continue;
    }
    if (!store.persistent) return *metadata == 0;
    for (u64 committed = least; committed <= n; ++committed) {
      if (*metadata == (committed / per_area + 2) * chunk) return true;
    }
  }
  return false;
}

void Machine::status_seen(u32 id, std::string_view words) {
  SnapStore& store = stores_[id];
  if (store.unknown || !pending_io_.empty() || !pending_files_.empty()) return;
  if (words == "Invalid") {
    store.may_be_valid = false;
    store.may_be_overflowed = false;
  } else if (words == "Overflow") {
    store.may_be_valid = false;
    store.may_be_invalid = false;
    store.may_be_overflowed = true;
  } else if (words == "Merge failed") {
    store.may_have_failed = true;
  } else {
    store.may_be_invalid = false;
    store.may_be_overflowed = false;
    store.may_be_valid = true;
    const std::size_t slash = words.find('/');
    const std::size_t blank = words.find(' ');
    const auto allocated = parse_number(words.substr(0, slash));
    const auto metadata = parse_number(words.substr(blank + 1));
    if (store.merging && allocated && allocated == metadata) merge_done(store);
    if (!store.merging && !store.slack && allocated &&
        *allocated == space_after(store, store.possible.count())) {
      store.certain = store.possible;
    }
  }
}

std::string Machine::snapshot_status(const SnapStore& store) const {
  if (!store.may_be_valid) return store.may_be_invalid ? "Invalid" : "Overflow";
  const u64 exceptions = store.merging ? 0 : store.certain.count();
  const u64 metadata =
      store.persistent ? (exceptions / exceptions_per_area(store) + 2) * store.chunk_sectors : 0;
  const std::string total = std::to_string(total_of(store));
  return std::to_string(space_after(store, exceptions)) + "/" + total + " " +
         std::to_string(metadata);
}

}  // namespace bioscope::spec
