// SPDX-License-Identifier: Apache-2.0
// Merging: what a snapshot holds arrives in its origin (R72, R73).
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {

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

}  // namespace bioscope::spec
