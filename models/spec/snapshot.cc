// SPDX-License-Identifier: Apache-2.0
// Snapshots by what they mean, not by how they work: from its first resume on a snapshot shows
// what its origin showed then, with its own writes. Only space is counted in chunks.
//
// Invariants:
//   S1  `certain` is a subset of `possible`; a chunk is in `certain` once an operation that must
//       have made its exception has returned.
//   S2  The view never follows the origin while the snapshot is active: what may reach it past the
//       copy-out is marked unbound (R74, R75), not added.
//   S3  A store without users is dormant: a persistent one keeps its exceptions on the COW device.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

constexpr u64 kDefaultChunkSectors = 32;  // DM_CHUNK_SIZE_DEFAULT_SECTORS
constexpr u64 kExceptionBytes = 16;       // struct disk_exception

u64 exceptions_per_area(const SnapStore& store) {
  return std::max<u64>(1, store.chunk_sectors * kSectorBytes / kExceptionBytes);
}

}  // namespace

u32 Machine::find_store(Place cow_place) const {
  for (std::size_t i = stores_.size(); i-- > 0;) {
    if (stores_[i].cow_place == cow_place && cow_place.volume != kNone) return static_cast<u32>(i);
  }
  return kNone;
}

void Machine::plan_snapshot(const Target& target, const Table& table, LegalSet& legal) const {
  const auto may_refuse = [&](RuleId) {
    allow(legal, {EINVAL, ENXIO, EIO, ENODEV, ENOENT, EBUSY});
  };
  const auto refuse_load = [&](RuleId rule) {
    legal = {};
    legal.rule = rule;
    may_refuse(rule);
  };
  const DeviceId origin = target.devices[0].device;
  const TargetDevice& cow_argument = target.devices[1];
  const DeviceId cow =
      cow_argument.device == 0 ? find_device(cow_argument.name) : cow_argument.device;
  if (cow == kNone || !devices_[cow].exists) return refuse_load(rule(29));
  if (origin == cow) return refuse_load(rule(29));
  const u64 chunk = target.chunk_sectors;  // R60
  if (chunk != 0 &&
      (chunk % logical_block_sectors(cow) != 0 || chunk % logical_block_sectors(origin) != 0)) {
    return refuse_load(rule(60));
  }
  legal.rule = rule(60);
  const auto place = place_of(cow);
  const u32 found = place ? find_store(*place) : kNone;
  if (found != kNone && !stores_[found].users.empty()) {  // R71
    const SnapStore& store = stores_[found];
    legal.rule = rule(71);
    if (store.unknown) return may_refuse(rule(71));
    const bool waiting =
        std::ranges::any_of(store.users, [](const StoreUser& user) { return !user.active; });
    if (store.origin == origin && (store.users.size() >= 2 || waiting)) {
      return refuse_load(rule(71));
    }
    if (store.origin != origin || target.type == TargetType::SnapshotMerge) may_refuse(rule(71));
    return;
  }
  if (table.read_only && target.persistent) may_refuse(rule(60));
  if (!target.persistent) return;
  if (!place || any_fault(place->volume) || size_least(cow) < 2 * std::max<u64>(chunk, 1)) {
    return may_refuse(rule(61));
  }
  if (found != kNone && stores_[found].persistent && !stores_[found].unknown) {
    legal.rule = rule(61);
    return;
  }
  // R61: the first word is 0 for a new one; the stamp of operation 0 begins with one as well.
  bool may_be_new = false;
  bool may_be_other = false;
  volumes_[place->volume].for_each({place->sector, 1}, [&](u64, u64, const CandidateSet& set) {
    for (std::size_t i = 0; i < set.size(); ++i) {
      const bool reads_zero = set[i].kind == CandidateKind::Zero ||
                              (set[i].kind == CandidateKind::Written && set[i].writer == 0);
      if (set[i].kind == CandidateKind::Any || reads_zero) may_be_new = true;
      if (!reads_zero) may_be_other = true;
    }
  });
  legal.rule = rule(61);
  if (may_be_other) may_refuse(rule(61));
  if (!may_be_new) refuse_load(rule(61));
}

void Machine::load_snapshot(Target& target) {
  const DeviceId origin = target.devices[0].device;
  const DeviceId cow = target.devices[1].device;
  const auto place = place_of(cow);
  const u32 found = place ? find_store(*place) : kNone;
  if (found != kNone) {
    SnapStore& store = stores_[found];
    const bool dormant = store.users.empty();
    if (!dormant || (store.persistent && target.persistent)) {
      if (store.origin != origin || store.size_sectors != target.length_sectors) {
        store.unknown = store.unknown || !dormant || store.size_sectors != target.length_sectors;
      }
      store.origin = origin;
      store.cow = cow;
      store.overflow_flag = target.overflow;
      target.store = found;
      target.chunk_sectors = store.chunk_sectors;  // R61: the chunk on disk wins
      if (dormant) {
        store.loaded_at = now_;
        store.owner = kNone;
        store.slack = store.slack || store.merging;
        if (store.may_be_overflowed) {  // R68: that it overflowed is not written anywhere
          store.may_be_overflowed = false;
          store.may_be_valid = true;
        }
      }
      return;
    }
    store.cow_place = {};
  }
  SnapStore store;
  store.origin = origin;
  store.cow = cow;
  if (place) store.cow_place = *place;
  store.persistent = target.persistent;
  store.overflow_flag = target.overflow;
  store.chunk_sectors = target.chunk_sectors != 0
                            ? target.chunk_sectors
                            : std::max(kDefaultChunkSectors, logical_block_sectors(cow));  // R60
  store.size_sectors = target.length_sectors;
  store.loaded_at = now_;
  target.chunk_sectors = store.chunk_sectors;
  if (!place) {
    store.unknown = true;
  } else if (target.persistent) {
    volumes_[place->volume].for_each({place->sector, 1}, [&](u64, u64, const CandidateSet& set) {
      if (set.has_any()) store.unknown = true;  // a header that nobody here wrote
    });
  }
  target.store = static_cast<u32>(stores_.size());
  stores_.push_back(std::move(store));
  if (target.persistent) set_cow_contents(stores_.back(), true);
}

// The COW device holds exceptions and metadata: nothing is known of its sectors.
void Machine::set_cow_contents(const SnapStore& store, bool in_use) {
  Mapping mapping;
  mapping.past_suspends = true;
  map_device(store.cow, {0, size_most(store.cow)}, Piece{}, mapping);
  for (const Piece& piece : mapping.pieces) {
    if (piece.kind != PieceKind::Sectors) continue;
    const Range range{piece.first_sector, piece.count_sectors};
    if (in_use) {
      widen(piece.volume, range, {CandidateKind::Any, kForEver, 0});
    } else {
      volumes_[piece.volume].set(range, CandidateSet({CandidateKind::Any, kBeforeAll, 0}));
    }
  }
}

// The first resume is invoked: the cut lies between here and its return.
void Machine::begin_snapshot(const Target& target) {
  SnapStore& store = stores_[target.store];
  if (store.unknown || store.active) return;
  Mapping mapping;
  mapping.past_suspends = true;
  map_device(store.origin, {0, std::min(store.size_sectors, size_most(store.origin))}, Piece{},
             mapping);
  store.origin_pieces.clear();
  for (const Piece& piece : mapping.pieces) {
    if (piece.kind == PieceKind::Sectors && piece.certain) store.origin_pieces.push_back(piece);
    if (piece.kind == PieceKind::Unknown || !piece.certain) store.unknown = true;
  }
  if (store.unknown) return;
  Contents view = recovered(store);
  if (!store.possible.empty()) exercised(rule(62));
  store.view_before = store.written_since.empty() ? store.view : kNone;
  store.view = new_volume(std::move(view));
  store.beginning = true;
  store.written_since.clear();
  for (const PendingIo& pending : pending_io_) {
    if (io_kind(operation(pending.id)) == IoKind::Read) continue;
    for (const Piece& piece : pending.pieces) {
      if (piece.kind == PieceKind::Sectors) note_origin_write(pending, piece);
    }
  }
}

// R61, R62: what a store shows when it is built again: its exceptions, and the origin elsewhere.
Contents Machine::recovered(const SnapStore& store) const {
  Contents view = contents_of(store.origin, store.size_sectors);
  if (store.view == kNone) return view;
  const Contents& old = volumes_[store.view];
  for (const Range& chunks : store.possible.list()) {
    for (u64 chunk = chunks.first_sector; chunk < chunks.end_sector(); ++chunk) {
      const u64 first = chunk * store.chunk_sectors;
      if (first >= store.size_sectors) break;
      const Range range{first, std::min(store.chunk_sectors, store.size_sectors - first)};
      if (store.certain.contains(chunk)) {
        view.copy(range, old, first);
      } else if (store.merging && !store.written_since.overlaps(range)) {
        view.copy(range, old, first);  // R72: merged or not, both show the same
      } else {
        view.add_copy(range, old, first);
      }
    }
  }
  return view;
}

void Machine::activate_snapshot(const Target& target) {
  if (!stores_[target.store].beginning) begin_snapshot(target);
  SnapStore& store = stores_[target.store];
  store.beginning = false;
  store.owner = target.instance;  // R71
  for (StoreUser& user : store.users) {
    if (user.instance == target.instance) user.active = true;
  }
  if (store.unknown) return;
  const bool fresh = !store.active;
  store.active = true;
  if (fresh) {
    store.activated_at = now_;
    if (!store.persistent) set_cow_contents(store, true);
    cut_file_system(store);
  }
  SnapStore& again = stores_[target.store];
  if (target.type == TargetType::SnapshotMerge && !again.merging) {
    begin_merge(again);
  } else if (target.type == TargetType::SnapshotMerge) {
    again.merging = true;
  } else {
    again.merging = false;
  }
  if (again.merging) merge_file_system(again);
}

// R72: from now on any excepted chunk may arrive in the origin at any time; R67: the other
// snapshots of the origin have it copied out.
void Machine::begin_merge(SnapStore& store) {
  store.merging = true;
  store.slack = true;
  const u32 own = static_cast<u32>(&store - stores_.data());
  const std::vector<Range> excepted = stores_[own].possible.list();
  const u64 chunk = stores_[own].chunk_sectors;
  for (const Piece& piece : std::vector<Piece>(stores_[own].origin_pieces)) {
    for (const Range& chunks : excepted) {
      const u64 first = std::max(chunks.first_sector * chunk, piece.io_first);
      const u64 end = std::min(chunks.end_sector() * chunk, piece.io_first + piece.count_sectors);
      if (first >= end) continue;
      const u64 there = first - piece.io_first + piece.first_sector;
      const Contents view = volumes_[stores_[own].view];
      const i64 shift = static_cast<i64>(there - first);
      view.for_each({first, end - first}, [&](u64 part, u64 part_end, const CandidateSet& set) {
        for (std::size_t i = 0; i < set.size(); ++i) {
          Candidate moved = set[i];
          if (moved.kind == CandidateKind::Written) moved.shift -= shift;
          widen(piece.volume, {part + static_cast<u64>(shift), part_end - part}, moved);
        }
      });
      for (SnapStore& other : stores_) {
        if (&other == &stores_[own]) continue;
        for (const Piece& their : other.origin_pieces) {
          if (their.volume != piece.volume) continue;
          const u64 from = std::max(their.first_sector, there);
          const u64 to = std::min(their.first_sector + their.count_sectors, there + end - first);
          if (from >= to) continue;
          const Range sectors{from - their.first_sector + their.io_first, to - from};
          if (other.active) {
            other.possible.add(chunks_of(other, sectors));
            recount(other, false);
          } else {
            other.written_since.add(sectors);
          }
        }
      }
    }
  }
}

void Machine::merge_done(SnapStore& store) {
  if (store.merged || store.unknown) return;
  store.merged = true;
  exercised(rule(72));
  if (!store.unbound_device.empty() || !store.unbound_live.empty()) return;
  for (const Piece& piece : store.origin_pieces) {
    for (const Range& chunks : store.possible.list()) {
      const u64 first = std::max(chunks.first_sector * store.chunk_sectors, piece.io_first);
      const u64 end =
          std::min(chunks.end_sector() * store.chunk_sectors, piece.io_first + piece.count_sectors);
      if (first >= end) continue;
      volumes_[piece.volume].copy({first - piece.io_first + piece.first_sector, end - first},
                                  volumes_[store.view], first);
    }
  }
  store.possible.clear();
  store.certain.clear();
}

void Machine::drop_snapshot(const Target& target) {
  SnapStore& store = stores_[target.store];
  std::erase_if(store.users,
                [&](const StoreUser& user) { return user.instance == target.instance; });
  if (!store.users.empty()) {
    if (store.owner == target.instance) store.unknown = true;  // nobody took it over
    return;
  }
  store.active = false;
  store.beginning = false;
  if (store.merging && !store.merged) store.certain.clear();
  store.written_since.clear();
  if (store.unknown || !store.persistent) {
    set_cow_contents(store, false);
    store.cow_place = {};
  }
}

Range Machine::chunks_of(const SnapStore& store, Range sectors) const {
  const u64 first = sectors.first_sector / store.chunk_sectors;
  const u64 end = (sectors.end_sector() + store.chunk_sectors - 1) / store.chunk_sectors;
  return {first, end - first};
}

// R74: the origin's split boundary knows the snapshots that were loaded when it was resumed.
bool Machine::origin_precedes(DeviceId origin_device, const SnapStore& store) const {
  return devices_[origin_device].resumed_at > store.loaded_at;
}

// A write is placed on sectors of a volume: what it means for the snapshots of what lies there.
void Machine::note_origin_write(const PendingIo& pending, const Piece& piece) {
  (void)pending;
  for (SnapStore& store : stores_) {
    if (store.unknown || store.view == piece.volume) continue;
    const bool counts = store.active || store.beginning;
    if (!counts && !(store.persistent && store.cow_place.volume != kNone)) continue;
    if (store.merged) continue;
    for (const Piece& origin : store.origin_pieces) {
      if (origin.volume != piece.volume) continue;
      const u64 first = std::max(origin.first_sector, piece.first_sector);
      const u64 end = std::min(origin.first_sector + origin.count_sectors,
                               piece.first_sector + piece.count_sectors);
      if (first >= end) continue;
      const Range sectors{first - origin.first_sector + origin.io_first, end - first};
      if (!counts) {
        store.written_since.add(sectors);
        continue;
      }
      bool through = false;
      bool own = false;
      DeviceId origin_device = kNone;
      for (std::size_t i = 0; i < piece.through.size(); ++i) {
        if (piece.through[i] != store.origin) continue;
        through = true;
        origin_device = piece.origins[i];
        own = std::ranges::any_of(store.users, [&](const StoreUser& user) {
          return user.device == origin_device && store.merging;
        });
      }
      if (own) continue;  // R73: a merging snapshot makes no exceptions any more
      if (!through) {     // R75
        Ranges bypassed;
        bypassed.add(sectors);
        for (const Range& chunks : store.certain.list()) {
          bypassed.remove({chunks.first_sector * store.chunk_sectors,
                           chunks.count_sectors * store.chunk_sectors});
        }
        for (const Range& range : bypassed.list()) store.unbound_device.add(range);
        continue;
      }
      store.possible.add(chunks_of(store, sectors));
      if (store.beginning) {
        store.unbound_live.add(sectors);
        store.slack = true;
      } else if (!origin_precedes(origin_device, store)) {  // R74
        const u64 whole = (sectors.first_sector / store.chunk_sectors + 1) * store.chunk_sectors;
        if (whole < sectors.end_sector()) {
          Ranges rest;
          rest.add({whole, sectors.end_sector() - whole});
          for (const Range& chunks : store.certain.list()) {
            rest.remove({chunks.first_sector * store.chunk_sectors,
                         chunks.count_sectors * store.chunk_sectors});
          }
          for (const Range& range : rest.list()) store.unbound_live.add(range);
          store.slack = true;
        }
      }
      recount(store, false);
    }
  }
  // Whoever writes into a COW device or into era's metadata makes what it holds unknown.
  for (SnapStore& store : stores_) {
    if (store.cow_place.volume != piece.volume || store.unknown) continue;
    const u64 end = store.cow_place.sector + (store.cow == kNone ? 1 : size_most(store.cow));
    if (piece.first_sector < end &&
        store.cow_place.sector < piece.first_sector + piece.count_sectors) {
      store.unknown = true;
      if (store.users.empty()) store.cow_place = {};
    }
  }
  for (EraStore& era : eras_) {
    if (era.place.volume == piece.volume &&
        era.place.sector < piece.first_sector + piece.count_sectors &&
        piece.first_sector < era.place.sector + (1ULL << 16)) {
      era.unknown = true;
    }
  }
}

// The write has returned, so its chunks were copied out before (R67).
void Machine::settle_origin_write(const PendingIo& pending, const Piece& piece) {
  for (SnapStore& store : stores_) {
    if (store.unknown || !store.active || store.merged || store.view == piece.volume) continue;
    if (store.activated_at > invoked_[pending.id]) continue;
    for (const Piece& origin : store.origin_pieces) {
      if (origin.volume != piece.volume) continue;
      const u64 first = std::max(origin.first_sector, piece.first_sector);
      const u64 end = std::min(origin.first_sector + origin.count_sectors,
                               piece.first_sector + piece.count_sectors);
      if (first >= end) continue;
      for (std::size_t i = 0; i < piece.through.size(); ++i) {
        if (piece.through[i] != store.origin) continue;
        if (!origin_precedes(piece.origins[i], store) || store.merging) continue;
        const u64 before = store.certain.count();
        store.certain.add(
            chunks_of(store, {first - origin.first_sector + origin.io_first, end - first}));
        marks_.copy_outs += store.certain.count() - before;
        exercised(rule(67));
        recount(store, false);
      }
    }
  }
}

void Machine::note_view_write(const PendingIo&, const Piece& piece, bool done) {
  SnapStore& store = stores_[piece.store];
  if (store.merging) {
    if (done) exercised(rule(73));
    return;
  }
  const Range chunks = chunks_of(store, {piece.first_sector, piece.count_sectors});
  store.possible.add(chunks);
  if (done) {  // R66
    const u64 before = store.certain.count();
    store.certain.add(chunks);
    marks_.copy_outs += store.certain.count() - before;
    exercised(rule(66));
  }
  recount(store, true);
}

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

// A table below an origin or a COW device was swapped: if they lie elsewhere now, nothing is known.
void Machine::change_snapshot_origins(DeviceId swapped) {
  for (SnapStore& store : stores_) {
    if (!store.active || store.unknown) continue;
    if (stack_has(store.cow, swapped)) {
      const auto place = place_of(store.cow);
      if (!place || *place != store.cow_place) store.unknown = true;
    }
    if (!stack_has(store.origin, swapped)) continue;
    Mapping mapping;
    mapping.past_suspends = true;
    map_device(store.origin, {0, std::min(store.size_sectors, size_most(store.origin))}, Piece{},
               mapping);
    std::vector<Piece> now;
    for (const Piece& piece : mapping.pieces) {
      if (piece.kind == PieceKind::Sectors) now.push_back(piece);
    }
    const bool same =
        std::ranges::equal(now, store.origin_pieces, [](const Piece& left, const Piece& right) {
          return left.volume == right.volume && left.first_sector == right.first_sector &&
                 left.io_first == right.io_first && left.count_sectors == right.count_sectors;
        });
    if (!same) store.unknown = true;
  }
}

}  // namespace bioscope::spec
