// SPDX-License-Identifier: Apache-2.0
// What a power cut leaves of snapshots and of era's metadata.
//
// R64: an exception is on the medium before the write that made it goes on. So of a persistent
// snapshot every chunk in `certain` is found again, with what was copied; one in `possible` may be.
// R53: the same of an era's mark. A transient snapshot has nothing on its COW device that counts.
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {

void Machine::cut_store(SnapStore& store, DeviceId disk) {
  store.cut = true;
  if (store.unknown) return;
  const bool cow_cut = stack_has(store.cow, disk, store.cow_below);
  const bool origin_cut = stack_has(store.origin, disk, store.origin_below);
  // A merge moves chunks between two disks; a header and an area that were not flushed may be lost
  // over what had lain there before.
  const bool bare = store.persistent && store.certain.empty() && !store.was_clean;
  if (store.merging || store.beginning || (cow_cut && (bare || !store.persistent))) {
    store.unknown = true;
    return;
  }
  const bool mounted =
      std::ranges::any_of(mounts_, [](const Mounted& each) { return each.device != kNone; });
  if (!pending_io_.empty() || !pending_files_.empty() || mounted) {
    store.may_be_invalid = true;  // R68: what was under way may have met the dead disk
  }
  if (store.view == kNone) return;
  const Contents& excepted = cow_cut ? durable_[store.view] : volumes_[store.view];
  Contents view = origin_cut ? contents_of(store.origin, store.size_sectors, store.origin_below)
                             : volumes_[store.view];
  for (const Range& chunks : store.possible.list()) {
    for (u64 chunk = chunks.first_sector; chunk < chunks.end_sector(); ++chunk) {
      const u64 first = chunk * store.chunk_sectors;
      if (first >= store.size_sectors) break;
      const Range range{first, std::min(store.chunk_sectors, store.size_sectors - first)};
      if (store.certain.contains(chunk)) {
        view.copy(range, excepted, first);
      } else {
        view.add_copy(range, excepted, first);
      }
    }
  }
  volumes_[store.view] = view;
  durable_[store.view] = std::move(view);
}

// The era on the medium is the last that was committed: at least that of every mark.
void Machine::cut_era(EraStore& era) {
  u64 committed = 0;
  for (const EraMark& mark : era.marks) committed = std::max(committed, mark.least);
  era.base = committed;
  era.begun.clear();
  era.era_least = committed;
  era.held_known = false;
  era.failing = true;
}

}  // namespace bioscope::spec
