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
  const auto place = place_of(cow, cow_argument.below);
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
  const auto place = place_of(cow, target.devices[1].below);
  const u32 found = place ? find_store(*place) : kNone;
  const u64 asked_chunk = target.chunk_sectors;
  if (found != kNone) {
    SnapStore& store = stores_[found];
    const bool dormant = store.users.empty();
    if (!dormant || (store.persistent && target.persistent)) {
      if (store.origin != origin || store.size_sectors != target.length_sectors) {
        store.unknown = store.unknown || !dormant || store.size_sectors != target.length_sectors;
      }
      store.origin = origin;
      store.cow = cow;
      store.origin_below = target.devices[0].below;
      store.cow_below = target.devices[1].below;
      store.overflow_flag = target.overflow;
      target.store = found;
      target.chunk_sectors = store.chunk_sectors;  // R61: the chunk on disk wins
      if (dormant) {
        store.loaded_at = now_;
        store.owner = kNone;
        store.slack = store.slack || store.merging;
        // That it was invalid may have been lost with the power, and without any exception its
        // header as well, so that the table's chunk counts (R61).
        if (store.cut) store.may_be_valid = true;
        if (store.cut && store.certain.empty() && asked_chunk != store.chunk_sectors) {
          store.unknown = true;
        }
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
  store.origin_below = target.devices[0].below;
  store.cow_below = target.devices[1].below;
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
    const CandidateSet zero{Candidate{}};
    volumes_[place->volume].for_each(
        {place->sector, total_of(store)},
        [&](u64, u64, const CandidateSet& set) { store.was_clean &= set == zero; });
  }
  target.store = static_cast<u32>(stores_.size());
  stores_.push_back(std::move(store));
  for (const Device& disk : devices_) {  // what it read or wrote at its load may be lost
    if (disk.power_changed_at > resume_invoked_ && lies_on(stores_.back(), disk.disk)) {
      stores_.back().unknown = true;
    }
  }
  if (target.persistent) set_cow_contents(stores_.back(), true);
}

// The COW device holds exceptions and metadata: nothing is known of its sectors.
void Machine::set_cow_contents(const SnapStore& store, bool in_use) {
  for (const Piece& piece :
       map_past_suspends(store.cow, {0, size_most(store.cow)}, true, store.cow_below)) {
    if (piece.kind != PieceKind::Sectors) continue;
    const Range range{piece.first_sector, piece.count_sectors};
    if (in_use) {
      widen(piece.volume, range, {CandidateKind::Any, kForEver, 0});
    } else {
      set_sectors(piece.volume, range, CandidateSet({CandidateKind::Any, kBeforeAll, 0}));
    }
  }
}

std::vector<Piece> Machine::map_origin_of(const SnapStore& store) const {
  const u64 size = std::min(store.size_sectors, size_most(store.origin));
  return map_past_suspends(store.origin, {0, size}, true, store.origin_below);
}

// The first resume is invoked: the cut lies between here and its return.
void Machine::begin_snapshot(const Target& target) {
  SnapStore& store = stores_[target.store];
  if (store.unknown || store.active) return;
  store.origin_pieces.clear();
  for (const Piece& piece : map_origin_of(store)) {
    if (piece.kind == PieceKind::Sectors && piece.certain) store.origin_pieces.push_back(piece);
    if (piece.kind == PieceKind::Unknown || !piece.certain) store.unknown = true;
  }
  if (store.unknown) return;
  Contents view = recovered(store, volumes_);
  if (!store.possible.empty()) exercised(rule(62));
  store.view_before = store.written_since.empty() ? store.view : kNone;
  const VolumeId made = new_volume(std::move(view));
  if (cuts_ && store.view != kNone) durable_[made] = recovered(store, durable_);
  store.view = made;
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
Contents Machine::recovered(const SnapStore& store, const std::vector<Contents>& volumes) const {
  Contents view = contents_of(store.origin, store.size_sectors, store.origin_below);
  if (store.view == kNone) return view;
  const Contents& old = volumes[store.view];
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

// A table below an origin or a COW device was swapped: if they lie elsewhere now, nothing is known.
void Machine::change_snapshot_origins(DeviceId swapped) {
  for (SnapStore& store : stores_) {
    if (!store.active || store.unknown) continue;
    if (stack_has(store.cow, swapped, store.cow_below)) {
      const auto place = place_of(store.cow, store.cow_below);
      if (!place || *place != store.cow_place) store.unknown = true;
    }
    if (!stack_has(store.origin, swapped, store.origin_below)) continue;
    std::vector<Piece> now;
    for (const Piece& piece : map_origin_of(store)) {
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
