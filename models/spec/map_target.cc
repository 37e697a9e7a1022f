// SPDX-License-Identifier: Apache-2.0
// What each target does with a range: passes it on, answers it itself, or shows a snapshot's view.
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

// False if more era targets are stacked than a piece can name.
bool enter_era(const Target& target, u64 offset, Piece& piece) {
  for (EraPass& pass : piece.eras) {
    if (pass.store != kNone) continue;
    pass = {target.store, static_cast<i64>(offset - piece.io_first)};
    return true;
  }
  return false;
}

}  // namespace

// `carried` is the caller's working copy.
void Machine::map_target(DeviceId device, const Target& target, Range range, Piece& carried,
                         Mapping& out) const {
  const u64 offset = range.first_sector - target.begin_sector;
  const auto to = [&](std::size_t which) {
    const TargetDevice& below = target.devices[which];
    map_device(below.device, {below.start_sector + offset, range.count_sectors}, carried, out,
               below.below);
  };
  switch (target.type) {
    case TargetType::Linear:  // R46
      carried.rule = rule(46);
      return to(0);
    case TargetType::LogWrites:  // R51: one to one, wherever the target begins
      carried.rule = rule(51);
      return map_device(target.devices[0].device, range, carried, out, target.devices[0].below);
    case TargetType::Delay:  // R48
      carried.rule = rule(48);
      return to(out.reads || target.devices.size() == 1 ? 0 : 1);
    case TargetType::Era:  // R52
      carried.rule = rule(52);
      if (!enter_era(target, offset, carried)) {
        return push_part(carried, PieceKind::Unknown, range, out.pieces);
      }
      return to(1);
    case TargetType::Zero:  // R46
      carried.rule = rule(46);
      return push_part(carried, out.reads ? PieceKind::Zeroes : PieceKind::Dropped, range,
                       out.pieces);
    case TargetType::Error:  // R46
      carried.rule = rule(46);
      return push_part(carried, PieceKind::Error, range, out.pieces);
    case TargetType::Striped: {  // R47
      carried.rule = rule(47);
      u64 done = 0;
      const u64 io_first = carried.io_first;
      while (done < range.count_sectors) {
        const StripePlace place = stripe_of(target, offset + done);
        const u64 count = std::min(place.run_sectors, range.count_sectors - done);
        carried.io_first = io_first + done;
        const TargetDevice& below = target.devices[place.stripe];
        map_device(below.device, {place.sector, count}, carried, out, below.below);
        done += count;
      }
      return;
    }
    case TargetType::Flakey:
      return map_flakey(target, range, carried, out);
    case TargetType::SnapshotOrigin:
      carried.rule = rule(67);
      return map_origin(device, target, range, carried, out);
    case TargetType::Snapshot:
    case TargetType::SnapshotMerge:
      return map_snapshot(device, target, range, carried, out);
  }
}

// R49: the clock decides whether it is up; where it is not known how much time has passed, both are
// possible unless one of the intervals is zero. R50: what it does while down.
void Machine::map_flakey(const Target& target, Range range, const Piece& carried,
                         Mapping& out) const {
  const TargetDevice& below = target.devices[0];
  const Range there{below.start_sector + range.first_sector - target.begin_sector,
                    range.count_sectors};
  Piece piece = carried;
  const auto [may_be_up, may_be_down] = flaking(target);
  const bool by_clock =
      target.up_seconds > 0 && target.down_seconds > 0 && may_be_up != may_be_down;
  piece.rule = target.down_seconds == 0 || by_clock ? rule(49) : rule(50);
  if (may_be_up && may_be_down) piece.certain = false;
  const bool passes = may_be_up || target.down == DownMode::Corrupt ||
                      (out.reads && target.down != DownMode::Error);
  if (may_be_down && target.down == DownMode::Corrupt) piece.binds = false;
  if (passes) map_device(below.device, there, piece, out, below.below);
  if (!may_be_down || target.down == DownMode::Corrupt) return;
  if (out.reads && target.down != DownMode::Error) return;
  push_part(piece, target.down == DownMode::DropWrites ? PieceKind::Dropped : PieceKind::Error,
            range, out.pieces);
}

void Machine::map_origin(DeviceId device, const Target& target, Range range, Piece& carried,
                         Mapping& out) const {
  const TargetDevice& below = target.devices[0];
  for (std::size_t i = 0; i < carried.through.size(); ++i) {
    if (carried.through[i] != kNone) continue;
    carried.through[i] = below.device;
    carried.origins[i] = device;
    break;
  }
  // origin_map keeps the sector of the mapped device, wherever the target begins.
  map_device(below.device, range, carried, out, below.below);
}

void Machine::map_snapshot(DeviceId device, const Target& target, Range range, const Piece& carried,
                           Mapping& out) const {
  const SnapStore& store = stores_[target.store];
  Piece piece = carried;
  piece.rule = rule(65);
  if (store.unknown || store.view == kNone) {
    return push_part(piece, PieceKind::Unknown, range, out.pieces);
  }
  if (target.instance != store.owner) {
    // Its exceptions were handed over, or it gets them with the resume that is under way.
    const bool getting = devices_[device].resuming;
    if (getting) piece.certain = false;
    Piece without = piece;
    without.rule = rule(71);
    push_part(without, PieceKind::Error, range, out.pieces);
    if (!getting) return;
  }
  const bool merge = target.type == TargetType::SnapshotMerge;
  if (merge && store.merged) return map_origin(device, target, range, piece, out);
  piece.volume = store.view;
  piece.store = target.store;
  push_part(piece, PieceKind::Sectors, range, out.pieces);
  if (!merge || out.reads) return;
  // R73: a write goes to the COW device or to the origin; what is not excepted goes to the
  // origin for certain, what may be will arrive there with the merge.
  u64 at = range.first_sector;
  while (at < range.end_sector()) {
    const u64 chunk = at / store.chunk_sectors;
    const u64 end = std::min((chunk + 1) * store.chunk_sectors, range.end_sector());
    Piece below = carried;
    below.io_first = carried.io_first + (at - range.first_sector);
    if (store.possible.contains(chunk)) below.certain = false;
    map_origin(device, target, {at, end - at}, below, out);
    at = end;
  }
}

}  // namespace bioscope::spec
