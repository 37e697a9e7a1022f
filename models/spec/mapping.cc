// SPDX-License-Identifier: Apache-2.0
// Where a range of a device lies: through interposers and the live tables down to sectors of
// volumes. Where a table is just being swapped, or flakey's clock decides, there are several
// places, and none of them is certain. What each target does with a range is in map_target.cc.
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {

void push_part(const Piece& piece, PieceKind kind, Range range, std::vector<Piece>& out) {
  Piece& made = out.emplace_back(piece);
  made.kind = kind;
  made.first_sector = range.first_sector;
  made.count_sectors = range.count_sectors;
}

TableList Machine::possible_tables(const Device& device) const {
  if (!device.resuming && !device.blurred) return TableList(device.live.get());
  TableList tables;
  if (device.resuming) tables.add(device.incoming.get());
  if (!(device.suspended && device.resuming && device.incoming)) tables.add(device.live.get());
  if (device.blurred) {
    for (const TablePtr& past : device.past) tables.add(past.get());
    tables.add(device.inactive.get());
  }
  return tables;
}

// I/O that comes from outside (`below` is false) goes through the device's interposer (P2).
void Machine::map_device(DeviceId id, Range range, const Piece& carried, Mapping& out,
                         bool below) const {
  const Device& device = devices_[id];
  if (range.count_sectors == 0) return;
  if (device.gone) {
    Piece dead = carried;
    dead.rule = rule(10);
    dead.dead = true;
    return push_part(dead, PieceKind::Error, range, out.pieces);
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
  Piece remapped = carried;
  if (range.end_sector() > device.size_sectors) {
    remapped.rule = rule(1);
    return push_part(remapped, PieceKind::Error, range, out.pieces);
  }
  if (remapped.rule == RuleId::None) remapped.rule = rule(2);
  remapped.partition = true;
  range.first_sector += device.start_sector;
  map_device(device.whole, range, remapped, out);
}

void Machine::map_disk(DeviceId id, Range range, const Piece& carried, Mapping& out) const {
  const Device& device = devices_[id];
  const u64 least = size_least(id);
  const bool troubled = device.unpowered || device.losing_power || device.dying;
  const bool contents = out.past_suspends;  // what it holds, whether one gets at it or not
  if (range.end_sector() <= least && (contents || !troubled)) {
    push_part(carried, PieceKind::Sectors, range, out.pieces);
    out.pieces.back().volume = device.volume;
    return;
  }
  Piece reaches = carried;
  reaches.volume = device.volume;
  Piece fails = reaches;
  if (!contents && troubled) {
    fails.rule = device.dying ? rule(10) : property(9);
    fails.dead = device.dying;
    fails.certain = fails.certain && device.unpowered && !device.gaining_power;
    push_part(fails, PieceKind::Error, range, out.pieces);
    if (device.unpowered && !device.gaining_power) return;
    reaches.certain = false;
  }
  if (range.end_sector() <= least) {
    return push_part(reaches, PieceKind::Sectors, range, out.pieces);
  }
  if (carried.partition) {  // R2: whether the driver does it is its own affair
    return push_part(reaches, PieceKind::Unknown, range, out.pieces);
  }
  const u64 most = size_most(id);
  fails = reaches;
  fails.rule = rule(1);
  fails.certain = reaches.certain && range.end_sector() > most;
  push_part(fails, PieceKind::Error, range, out.pieces);
  // What a limit split off before the end of the disk may have been done.
  const u64 end = std::min(range.end_sector(), most);
  if (range.first_sector >= end || (out.reads && fails.certain)) return;
  reaches.certain = false;
  push_part(reaches, PieceKind::Sectors, {range.first_sector, end - range.first_sector},
            out.pieces);
}

void Machine::map_mapped(DeviceId id, Range range, const Piece& carried, Mapping& out) const {
  const Device& device = devices_[id];
  if (device.suspended && !device.resuming && !device.blurred && !out.past_suspends) {
    push_part(carried, PieceKind::Deferred, range, out.pieces);  // R38: it waits for the resume
    out.pieces.back().device = id;
    return;
  }
  const TableList tables = possible_tables(device);
  if (tables.empty()) {
    push_part(carried, PieceKind::Error, range, out.pieces);
    out.pieces.back().rule = rule(45);
    return;
  }
  ++out.depth;
  if (tables.size() == 1 && !device.blurred) {
    map_table(id, **tables.begin(), range, carried, out);
  } else {
    Piece unsure = carried;
    unsure.certain = false;
    if (device.blurred) push_part(unsure, PieceKind::Unknown, range, out.pieces);
    for (const Table* table : tables) map_table(id, *table, range, unsure, out);
  }
  --out.depth;
}

// I/O to a device that a mapped device is attached over, or may be (P2, P4, P7).
void Machine::map_redirected(DeviceId id, Range range, const Piece& from, Mapping& out) const {
  Piece carried = from;
  const Device& device = devices_[id];
  const DeviceId by = device.interposer != kNone ? device.interposer : device.attaching;
  TableList tables;  // that it may go through
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
        tables.add(table);
      }
    }
    // Whether what is sent on comes by an interposer of the mapped device itself is left open.
    const bool chained = may_be_interposed(mapped);
    if (direct || tables.size() > 1 || mapped.removes > 0 || chained) carried.certain = false;
    if (chained && !tables.empty()) map_redirected(by, range, carried, out);
  }
  if (device.lingering_table) {
    carried.certain = false;
    tables.add(device.lingering_table.get());
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

void Machine::map_table(DeviceId device, const Table& table, Range range, const Piece& carried,
                        Mapping& out) const {
  if (!table.unsupported.empty()) {
    return push_part(carried, PieceKind::Unknown, range, out.pieces);
  }
  // R41: a piece ends at the end of its target.
  auto target =
      std::ranges::upper_bound(table.targets, range.first_sector, {}, &Target::end_sector);
  u64 at = range.first_sector;
  for (; target != table.targets.end() && at < range.end_sector(); ++target) {
    const u64 end = std::min(range.end_sector(), target->end_sector());
    Piece part = carried;
    part.mapped = true;
    part.io_first = carried.io_first + (at - range.first_sector);
    part.target = target->type;
    map_target(device, *target, {at, end - at}, part, out);
    at = end;
  }
  if (at >= range.end_sector()) return;
  push_part(carried, PieceKind::Error, {at, range.end_sector() - at}, out.pieces);
  Piece& past = out.pieces.back();
  past.mapped = true;
  past.rule = table.interposed == kNone ? rule(1) : property(9);
  past.io_first += at - range.first_sector;
}

std::vector<Piece> Machine::map_now(DeviceId device, Range range, bool reads) const {
  constexpr std::size_t kUsualPieces = 2;
  Mapping mapping;
  mapping.pieces.reserve(kUsualPieces);
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
