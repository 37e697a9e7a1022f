// SPDX-License-Identifier: Apache-2.0
// Where a range of a device lies: through interposers and the live tables down to sectors of
// volumes. Where a table is just being swapped, or flakey's clock decides, there are several
// places, and none of them is certain. What each target does with a range is in map_target.cc.
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {

void push_part(Piece piece, PieceKind kind, Range range, std::vector<Piece>& out) {
  piece.kind = kind;
  piece.first_sector = range.first_sector;
  piece.count_sectors = range.count_sectors;
  out.push_back(piece);
}

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

// I/O that comes from outside (`below` is false) goes through the device's interposer (P2).
void Machine::map_device(DeviceId id, Range range, Piece carried, Mapping& out, bool below) const {
  const Device& device = devices_[id];
  if (range.count_sectors == 0) return;
  if (device.gone) {
    carried.rule = rule(10);
    carried.dead = true;
    return push_part(carried, PieceKind::Error, range, out.pieces);
  }
  if (!device.exists || device.blurred_disk || out.depth > kMaxDepth) {
    return push_part(carried, PieceKind::Unknown, range, out.pieces);
  }
  if (!below && !out.past_interposers && may_be_interposed(device)) {
    return map_redirected(id, range, carried, out);
  }
  if (device.mapped) return map_mapped(id, range, carried, out);
  if (device.whole == kNone) return map_disk(id, range, carried, out);
  // R2: a partition's own end is looked at, and then what is remapped goes to the disk as it is.
  if (range.end_sector() > device.size_sectors) {
    carried.rule = rule(1);
    return push_part(carried, PieceKind::Error, range, out.pieces);
  }
  if (carried.rule == RuleId::None) carried.rule = rule(2);
  carried.partition = true;
  range.first_sector += device.start_sector;
  map_device(device.whole, range, carried, out);
}

void Machine::map_disk(DeviceId id, Range range, Piece carried, Mapping& out) const {
  const Device& device = devices_[id];
  const u64 least = size_least(id);
  const u64 most = size_most(id);
  carried.volume = device.volume;
  Piece fails = carried;
  const bool contents = out.past_suspends;  // what it holds, whether one gets at it or not
  if (!contents && device.unpowered && !device.gaining_power) {
    fails.rule = property(9);
    return push_part(fails, PieceKind::Error, range, out.pieces);
  }
  if (!contents && (device.unpowered || device.losing_power)) {
    carried.certain = fails.certain = false;
    fails.rule = property(9);
    push_part(fails, PieceKind::Error, range, out.pieces);
  }
  if (!contents && device.dying) {
    carried.certain = fails.certain = false;
    fails.rule = rule(10);
    fails.dead = true;
    push_part(fails, PieceKind::Error, range, out.pieces);
  }
  if (range.end_sector() <= least) {
    return push_part(carried, PieceKind::Sectors, range, out.pieces);
  }
  if (carried.partition) {  // R2: whether the driver does it is its own affair
    return push_part(carried, PieceKind::Unknown, range, out.pieces);
  }
  fails.rule = rule(1);
  fails.certain = fails.certain && range.end_sector() > most;
  push_part(fails, PieceKind::Error, range, out.pieces);
  // What a limit split off before the end of the disk may have been done.
  const u64 end = std::min(range.end_sector(), most);
  if (range.first_sector >= end || (out.reads && fails.certain)) return;
  carried.certain = false;
  push_part(carried, PieceKind::Sectors, {range.first_sector, end - range.first_sector},
            out.pieces);
}

void Machine::map_mapped(DeviceId id, Range range, Piece carried, Mapping& out) const {
  const Device& device = devices_[id];
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

// I/O to a device that a mapped device is attached over, or may be (P2, P4, P7).
void Machine::map_redirected(DeviceId id, Range range, Piece carried, Mapping& out) const {
  const Device& device = devices_[id];
  const DeviceId by = device.interposer != kNone ? device.interposer : device.attaching;
  std::vector<const Table*> tables;  // that it may go through
  bool direct = device.interposer == kNone;
  // A disk that goes away lets go what waits for its interposer.
  if (device.dying || (device.whole != kNone && devices_[device.whole].dying)) direct = true;
  if (by != kNone) {
    const Device& mapped = devices_[by];
    const bool waits = mapped.suspended && !mapped.resuming && !mapped.blurred;
    if (waits && !direct && mapped.removes == 0 && !out.past_suspends) {
      carried.device = by;  // R38
      carried.redirected = id;
      ++carried.interposers;
      push_part(carried, PieceKind::Deferred, range, out.pieces);
      return;
    }
    if (mapped.removes > 0 || mapped.blurred) direct = true;
    if (mapped.blurred) push_part(carried, PieceKind::Unknown, range, out.pieces);
    for (const Table* table : possible_tables(mapped)) {
      if (table->interposed != id) {
        direct = true;  // the table that detaches it
      } else if (!waits || out.past_suspends) {
        tables.push_back(table);
      }
    }
    // Whether what is sent on comes by an interposer of the mapped device itself is left open.
    const bool chained = may_be_interposed(mapped);
    if (direct || tables.size() > 1 || mapped.removes > 0 || chained) carried.certain = false;
    if (chained && !tables.empty()) map_redirected(by, range, carried, out);
  }
  if (device.lingering_table) {
    carried.certain = false;
    tables.push_back(device.lingering_table.get());
  }
  Piece through = carried;
  ++through.interposers;
  ++out.depth;
  for (const Table* table : tables) {
    const DeviceId of = by == kNone ? id : by;
    map_table(of, *table, range, through, out);
  }
  if (direct) map_device(id, range, carried, out, /*below=*/true);
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
    carried.rule = table.interposed == kNone ? rule(1) : property(9);
    carried.io_first += at - range.first_sector;
    push_part(carried, PieceKind::Error, {at, range.end_sector() - at}, out.pieces);
  }
}

std::vector<Piece> Machine::map_now(DeviceId device, Range range, bool reads) const {
  Mapping mapping;
  mapping.reads = reads;
  map_device(device, range, Piece{}, mapping);
  return std::move(mapping.pieces);
}

// Where it lies though what it lies on may be suspended.
std::vector<Piece> Machine::map_past_suspends(DeviceId device, Range range, bool reads,
                                              bool below) const {
  Mapping mapping;
  mapping.reads = reads;
  mapping.past_suspends = true;
  map_device(device, range, Piece{}, mapping, below);
  return std::move(mapping.pieces);
}

// What a device shows now, suspended or not: the cut of a snapshot.
Contents Machine::contents_of(DeviceId device, u64 size_sectors, bool below) const {
  Contents contents(size_sectors, CandidateSet{});
  // A suspended device keeps what it shows; only I/O waits.
  for (const Piece& piece : map_past_suspends(device, {0, size_sectors}, true, below)) {
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

}  // namespace bioscope::spec
