// SPDX-License-Identifier: Apache-2.0
// What writes mean for snapshots: exceptions, and where nothing is copied out (R67, R74, R75).
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {

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
        piece.first_sector < era.place.sector + era.size_sectors) {
      era.unknown = true;
    }
  }
}

// An origin write that fails may have met a dead disk when its chunks were to be copied (R68).
void Machine::note_failed_write(const Piece& piece) {
  for (SnapStore& store : stores_) {
    if (std::ranges::find(piece.through, store.origin) != piece.through.end()) {
      store.may_be_invalid = true;
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
        if (piece.interposers > 0) exercised(property(6));
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

}  // namespace bioscope::spec
