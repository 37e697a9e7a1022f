// SPDX-License-Identifier: Apache-2.0
// Where a range of a device lies: through the live tables down to sectors of volumes. Where a
// table is just being swapped, or flakey's clock decides, there are several places, and none of
// them is certain.
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

constexpr u32 kMaxDepth = 16;  // of stacked devices

void push_part(Piece piece, PieceKind kind, Range range, std::vector<Piece>& out) {
  piece.kind = kind;
  piece.first_sector = range.first_sector;
  piece.count_sectors = range.count_sectors;
  out.push_back(piece);
}

}  // namespace

std::vector<const Table*> Machine::possible_tables(const Device& device) const {
  std::vector<const Table*> tables;
  const auto add = [&](const TablePtr& table) {
    if (table && std::ranges::find(tables, table.get()) == tables.end()) {
      tables.push_back(table.get());
    }
  };
  if (device.resuming && device.incoming) add(device.incoming);
  if (!(device.suspended && device.resuming && device.incoming)) add(device.live);
  if (device.blurred) {
    for (const TablePtr& past : device.past) add(past);
    add(device.inactive);
  }
  return tables;
}

void Machine::map_device(DeviceId id, Range range, Piece carried, Mapping& out) const {
  const Device& device = devices_[id];
  if (range.count_sectors == 0) return;
  if (!device.exists || out.depth > kMaxDepth) {
    push_part(carried, PieceKind::Unknown, range, out.pieces);
    return;
  }
  if (!device.mapped) {
    carried.volume = device.volume;
    const u64 size = volumes_[device.volume].size_sectors();
    if (range.end_sector() > size) {
      carried.rule = rule(1);
      push_part(carried, PieceKind::Error, range, out.pieces);
    } else {
      push_part(carried, PieceKind::Sectors, range, out.pieces);
    }
    return;
  }
  if (device.suspended && !device.resuming && !device.blurred && !out.past_suspends) {
    carried.device = id;  // R38: it waits for the resume
    push_part(carried, PieceKind::Deferred, range, out.pieces);
    return;
  }
  const auto tables = possible_tables(device);
  if (tables.empty()) {
    carried.rule = rule(45);
    push_part(carried, PieceKind::Error, range, out.pieces);
    return;
  }
  if (tables.size() > 1 || device.blurred) carried.certain = false;
  if (device.blurred) push_part(carried, PieceKind::Unknown, range, out.pieces);
  ++out.depth;
  for (const Table* table : tables) map_table(id, *table, range, carried, out);
  --out.depth;
}

void Machine::map_table(DeviceId device, const Table& table, Range range, Piece carried,
                        Mapping& out) const {
  if (!table.unsupported.empty()) {
    push_part(carried, PieceKind::Unknown, range, out.pieces);
    return;
  }
  carried.mapped = true;
  // R41: a piece ends at the end of its target.
  auto target =
      std::ranges::upper_bound(table.targets, range.first_sector, {}, &Target::end_sector);
  u64 at = range.first_sector;
  for (; target != table.targets.end() && at < range.end_sector(); ++target) {
    const u64 end = std::min(range.end_sector(), target->end_sector());
    Piece part = carried;
    part.io_first = carried.io_first + (at - range.first_sector);
    part.target = target->type;
    map_target(device, *target, {at, end - at}, part, out);
    at = end;
  }
  if (at < range.end_sector()) {
    carried.rule = rule(1);
    carried.io_first += at - range.first_sector;
    push_part(carried, PieceKind::Error, {at, range.end_sector() - at}, out.pieces);
  }
}

void Machine::map_target(DeviceId device, const Target& target, Range range, Piece carried,
                         Mapping& out) const {
  const u64 offset = range.first_sector - target.begin_sector;
  const auto to = [&](std::size_t which) {
    const TargetDevice& below = target.devices[which];
    map_device(below.device, {below.start_sector + offset, range.count_sectors}, carried, out);
  };
  switch (target.type) {
    case TargetType::Linear:  // R46
      carried.rule = rule(46);
      return to(0);
    case TargetType::LogWrites:  // R51: the data device is mapped one to one
      carried.rule = rule(51);
      return to(0);
    case TargetType::Delay:  // R48
      carried.rule = rule(48);
      return to(out.reads || target.devices.size() == 1 ? 0 : 1);
    case TargetType::Era:  // R52
      carried.rule = rule(52);
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
        map_device(target.devices[place.stripe].device, {place.sector, count}, carried, out);
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

// R49: the clock decides whether it is up; a history has no clock, so both are possible unless
// one of the intervals is zero. R50: what it does while down.
void Machine::map_flakey(const Target& target, Range range, const Piece& carried,
                         Mapping& out) const {
  const TargetDevice& below = target.devices[0];
  const Range there{below.start_sector + range.first_sector - target.begin_sector,
                    range.count_sectors};
  Piece piece = carried;
  piece.rule = target.down_seconds == 0 ? rule(49) : rule(50);
  const bool may_be_up = target.up_seconds > 0;
  const bool may_be_down = target.down_seconds > 0;
  if (may_be_up && may_be_down) piece.certain = false;
  const bool passes = may_be_up || target.down == DownMode::Corrupt ||
                      (out.reads && target.down != DownMode::Error);
  if (may_be_down && target.down == DownMode::Corrupt) piece.binds = false;
  if (passes) map_device(below.device, there, piece, out);
  if (!may_be_down || target.down == DownMode::Corrupt) return;
  if (out.reads && target.down != DownMode::Error) return;
  push_part(piece, target.down == DownMode::DropWrites ? PieceKind::Dropped : PieceKind::Error,
            range, out.pieces);
}

void Machine::map_origin(DeviceId device, const Target& target, Range range, Piece carried,
                         Mapping& out) const {
  const DeviceId below = target.devices[0].device;
  for (std::size_t i = 0; i < carried.through.size(); ++i) {
    if (carried.through[i] != kNone) continue;
    carried.through[i] = below;
    carried.origins[i] = device;
    break;
  }
  // origin_map keeps the sector of the mapped device, wherever the target begins.
  map_device(below, range, carried, out);
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
    piece.rule = rule(71);  // its exceptions were handed over
    return push_part(piece, PieceKind::Error, range, out.pieces);
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

std::vector<Piece> Machine::map_now(DeviceId device, Range range, bool reads) const {
  Mapping mapping;
  mapping.reads = reads;
  map_device(device, range, Piece{}, mapping);
  return std::move(mapping.pieces);
}

u64 Machine::size_least(DeviceId id) const {
  const Device& device = devices_[id];
  if (!device.mapped) return volumes_[device.volume].size_sectors();
  u64 size = device.live ? device.live->size_sectors : 0;
  if (device.resuming && device.incoming) size = std::min(size, device.incoming->size_sectors);
  return device.blurred ? 0 : size;
}

u64 Machine::size_most(DeviceId id) const {
  const Device& device = devices_[id];
  if (!device.mapped) return volumes_[device.volume].size_sectors();
  u64 size = device.live ? device.live->size_sectors : 0;
  for (const Table* table : possible_tables(device)) size = std::max(size, table->size_sectors);
  return size;
}

bool Machine::stack_has(DeviceId upper, DeviceId lower, u32 depth) const {
  if (upper == lower) return true;
  if (upper == kNone || depth > kMaxDepth) return false;
  for (const Table* table : possible_tables(devices_[upper])) {
    for (const Target& target : table->targets) {
      for (const TargetDevice& below : target.devices) {
        if (stack_has(below.device, lower, depth + 1)) return true;
      }
    }
  }
  return false;
}

bool Machine::stack_suspended(DeviceId upper, u32 depth) const {
  if (upper == kNone || depth > kMaxDepth) return false;
  const Device& device = devices_[upper];
  if (device.suspended || device.suspending || device.blurred) return true;
  for (const Table* table : possible_tables(device)) {
    for (const Target& target : table->targets) {
      for (const TargetDevice& below : target.devices) {
        if (stack_suspended(below.device, depth + 1)) return true;
      }
      // R67: an origin write waits for the COW devices of the origin's snapshots.
      if (target.type != TargetType::SnapshotOrigin && target.type != TargetType::SnapshotMerge) {
        continue;
      }
      for (const SnapStore& store : stores_) {
        if (store.active && store.origin == target.devices[0].device &&
            stack_suspended(store.cow, depth + 1)) {
          return true;
        }
      }
    }
  }
  return false;
}

// Where a device's first sector lies, whether it is suspended or not.
std::optional<Place> Machine::place_of(DeviceId id) const {
  u64 sector = 0;
  for (u32 depth = 0; depth <= kMaxDepth; ++depth) {
    const Device& device = devices_[id];
    if (!device.mapped) return Place{device.volume, sector};
    const TablePtr& table = device.live ? device.live : device.inactive;
    if (!table || table->targets.empty() || device.blurred || !table->unsupported.empty()) {
      return std::nullopt;
    }
    const auto target = std::ranges::upper_bound(table->targets, sector, {}, &Target::end_sector);
    if (target == table->targets.end()) return std::nullopt;
    const u64 offset = sector - target->begin_sector;
    switch (target->type) {
      case TargetType::Zero:
      case TargetType::Error:
        return std::nullopt;
      case TargetType::Striped: {
        const StripePlace place = stripe_of(*target, offset);
        id = target->devices[place.stripe].device;
        sector = place.sector;
        break;
      }
      case TargetType::Era:
        id = target->devices[1].device;
        sector = offset;
        break;
      case TargetType::SnapshotOrigin:
        id = target->devices[0].device;
        break;
      case TargetType::Snapshot:
        if (stores_[target->store].view == kNone) return std::nullopt;
        return Place{stores_[target->store].view, sector};
      case TargetType::SnapshotMerge:
        id = target->devices[0].device;
        break;
      default:
        id = target->devices[0].device;
        sector = target->devices[0].start_sector + offset;
    }
  }
  return std::nullopt;
}

// What a device shows now, suspended or not: the cut of a snapshot.
Contents Machine::contents_of(DeviceId device, u64 size_sectors) const {
  Contents contents(size_sectors, CandidateSet{});
  Mapping mapping;
  mapping.past_suspends = true;  // a suspended device keeps what it shows; only I/O waits
  map_device(device, {0, size_sectors}, Piece{}, mapping);
  for (const Piece& piece : mapping.pieces) {
    const Range range{piece.io_first, piece.count_sectors};
    if (piece.kind == PieceKind::Sectors && piece.binds) {
      contents.add_copy(range, volumes_[piece.volume], piece.first_sector);
    } else if (piece.kind == PieceKind::Zeroes) {
      contents.add(range, Candidate{});
    } else {
      contents.add(range, Candidate{CandidateKind::Any, kBeforeAll, 0});
    }
  }
  return contents;
}

u64 Machine::logical_block_sectors(DeviceId id, u32 depth) const {
  if (id == kNone || depth > kMaxDepth) return 1;
  const Device& device = devices_[id];
  if (!device.mapped) {
    return std::max<u64>(1, program_->trace.disks[device.disk].logical_block_bytes / kSectorBytes);
  }
  u64 most = 1;
  for (const Table* table : possible_tables(device)) {
    for (const Target& target : table->targets) {
      for (const TargetDevice& below : target.devices) {
        most = std::max(most, logical_block_sectors(below.device, depth + 1));
      }
    }
  }
  return most;
}

// The target that a finding on the device is about: the most telling one of its table.
TargetType Machine::telling_target(DeviceId id) const {
  TargetType telling = TargetType::Linear;
  if (id == kNone) return telling;
  const Device& device = devices_[id];
  for (const TablePtr& table : {device.inactive, device.live}) {
    if (!table) continue;
    for (const Target& target : table->targets) telling = std::max(telling, target.type);
  }
  return telling;
}

std::string Machine::target_name(DeviceId id) const {
  if (id == kNone || !devices_[id].mapped) return "";
  if (!devices_[id].live && !devices_[id].inactive) return "";
  return std::string(name_of(telling_target(id)));
}

}  // namespace bioscope::spec
