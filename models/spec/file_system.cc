// SPDX-License-Identifier: Apache-2.0
// File systems by content: files hold stamps, and nothing is known of the sectors below. A file
// system belongs to the place of its first sector, so it is found again through another device, and
// a snapshot takes it along (P5).
#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

constexpr Candidate kFreeForEver{CandidateKind::Any, kForEver, 0};

}  // namespace

u32 Machine::find_mount(std::string_view point) const {
  for (std::size_t i = mounts_.size(); i-- > 0;) {
    if (mounts_[i].point == point && mounts_[i].device != kNone) return static_cast<u32>(i);
  }
  return kNone;
}

u32 Machine::find_file_system(Place place) const {
  for (std::size_t i = file_systems_.size(); i-- > 0;) {
    if (file_systems_[i].place == place) return static_cast<u32>(i);
  }
  return kNone;
}

u32 Machine::file_system_of(DeviceId device) const {
  const auto place = place_of(device);
  return place ? find_file_system(*place) : kNone;
}

// Something writes the device in ways that are not followed: mkfs, a mounted file system.
void Machine::scribble(DeviceId device) {
  const PendingIo nobody;
  for (Piece piece : map_past_suspends(device, {0, size_most(device)}, false, false)) {
    for (const EraPass& pass : piece.eras) {
      if (pass.store != kNone) eras_[pass.store].scribbled = true;
    }
    if (piece.kind != PieceKind::Sectors) continue;
    piece.certain = false;
    widen(piece.volume, {piece.first_sector, piece.count_sectors}, kFreeForEver);
    if (piece.store != kNone) note_view_write(nobody, piece, false);
    note_origin_write(nobody, piece);
  }
}

void Machine::forget(FileSystem& system) {
  system.known = false;
  system.consistent = false;
  for (File& file : system.files) {
    volumes_[file.volume].add({0, kFileSectors}, kFreeForEver);
    file.least_size = 0;
    file.most_size = kFileSectors;
    file.may_be_missing = true;
  }
}

// Blocks written past the file system.
void Machine::damage_file_systems(VolumeId volume, Range range) {
  for (FileSystem& system : file_systems_) {
    if (system.place.volume == volume && range.end_sector() > system.place.sector &&
        range.first_sector < system.place.sector + system.size_sectors) {
      forget(system);
    }
  }
}

// Does I/O to the device fail or go astray for reasons of its own?
bool Machine::unreliable(DeviceId id, bool opened_below, u32 depth) const {
  if (id == kNone || depth > kMaxDepth) return true;
  const Device& device = devices_[id];
  if (!device.exists || device.blurred) return true;
  if (!opened_below && may_be_interposed(device)) {
    return device.interposer == kNone || unreliable(device.interposer, false, depth + 1);
  }
  if (device.whole != kNone) return unreliable(device.whole, false, depth + 1);
  if (!device.mapped) return device.dying || device.blurred_disk || any_fault(device.volume);
  if (!device.live || !device.live->unsupported.empty()) return true;
  for (const Target& target : device.live->targets) {
    switch (target.type) {
      case TargetType::Zero:
      case TargetType::Error:
        return true;
      case TargetType::Flakey:
        if (target.down_seconds > 0) return true;
        break;
      case TargetType::Snapshot:
      case TargetType::SnapshotMerge: {
        const SnapStore& store = stores_[target.store];
        if (store.unknown || store.may_be_invalid || store.may_be_overflowed ||
            store.may_have_failed || !store.unbound_live.empty() || !store.unbound_device.empty() ||
            store.owner != target.instance) {
          return true;
        }
        break;
      }
      default:
        break;
    }
    for (const TargetDevice& below : target.devices) {
      if (unreliable(below.device, below.below, depth + 1)) return true;
    }
  }
  return false;
}

// A suspend of the mapped device has frozen what is mounted on it or on what it is attached over.
bool Machine::froze(const Device& device) const {
  return device.suspended && device.lockfs_frozen && !device.resuming &&
         !device.thawed_while_suspended;
}

bool Machine::frozen(const Mounted& mounted, u64 since) const {
  const bool by_freeze = mounted.freezes > 0 && !mounted.thawing && mounted.frozen_at < since;
  const bool by_suspend = any_gate(mounted.device, [&](const Device& device) {
    return froze(device) && device.suspended_at < since;
  });
  return by_freeze || (by_suspend && !mounted.thawing);
}

u32 Machine::copy_file_system(u32 from, Place to) {
  FileSystem copy = file_systems_[from];
  copy.place = to;
  for (File& file : copy.files) file.volume = new_volume(volumes_[file.volume]);
  file_systems_.push_back(std::move(copy));
  return static_cast<u32>(file_systems_.size() - 1);
}

// P5: a snapshot takes the file system along as it was at the cut. It is whole when nothing had it
// mounted, or when the suspend froze it.
void Machine::cut_file_system(SnapStore& store) {
  const u32 own = static_cast<u32>(&store - stores_.data());
  const VolumeId before = store.view_before;
  const u32 old = before == kNone ? kNone : find_file_system({before, 0});
  if (old != kNone) {
    copy_file_system(old, {stores_[own].view, 0});
    return;
  }
  const auto place = place_of(store.origin, store.origin_below);
  const u32 found = place ? find_file_system(*place) : kNone;
  if (found == kNone) return;
  bool whole = stores_[own].possible.empty();
  bool mounted_now = false;
  for (const Mounted& mounted : mounts_) {
    if (mounted.device == kNone || mounted.file_system != found) continue;
    mounted_now = true;
    const bool held = any_gate(mounted.device, [&](const Device& device) { return froze(device); });
    if (!held || devices_[mounted.device].thawed_ever) whole = false;
  }
  const u32 made = copy_file_system(found, {stores_[own].view, 0});
  if (!whole) forget(file_systems_[made]);
  if (mounted_now) {
    SnapStore& again = stores_[own];
    again.possible.add({0, (again.size_sectors + again.chunk_sectors - 1) / again.chunk_sectors});
    recount(again, false);
  }
}

// R72: what is merged becomes the origin's file system.
void Machine::merge_file_system(const SnapStore& store) {
  const u32 view = find_file_system({store.view, 0});
  const auto place = place_of(store.origin, store.origin_below);
  if (!place) return;
  const u32 origin = find_file_system(*place);
  if (view != kNone) {
    copy_file_system(view, *place);
  } else if (origin != kNone) {
    forget(file_systems_[origin]);
  }
}

}  // namespace bioscope::spec
