// SPDX-License-Identifier: Apache-2.0
// Block I/O. An invoked write is a candidate of its sectors from then on; when it has returned, it
// takes away what had returned before it was invoked. A read collects every candidate between its
// invoke and its return.
//
// Invariants:
//   I1  A set never loses a value that the sector may still hold: only a certain piece narrows.
//   I2  A write that failed leaves old and new.
//   I3  What waits on a suspended device has no place before a resume is invoked.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {

IoKind io_kind(const Operation& operation) {
  switch (operation.kind) {
    case OperationKind::Read:
      return IoKind::Read;
    case OperationKind::Write:
      return IoKind::Write;
    case OperationKind::Flush:
      return IoKind::Flush;
    case OperationKind::Discard:
      return IoKind::Discard;
    case OperationKind::WriteZeroes:
      return IoKind::WriteZeroes;
    case OperationKind::SecureErase:
      return IoKind::SecureErase;
    default:
      break;
  }
  if (operation.word == "read") return IoKind::Read;
  if (operation.word == "discard") return IoKind::Discard;
  if (operation.word == "write-zeroes") return IoKind::WriteZeroes;
  if (operation.word == "secure-erase") return IoKind::SecureErase;
  if (operation.word == "flush") return IoKind::IllegalFlush;
  if (operation.range.count_sectors == 0 && operation.flags.has(OperationFlag::Preflush)) {
    return IoKind::Flush;
  }
  return IoKind::Write;
}

void Machine::invoke_io(OperationId id) {
  const Operation& operation = this->operation(id);
  PendingIo pending;
  pending.id = id;
  pending.device = find_device(operation.device);
  if (pending.device == kNone) {
    pending.may_be_missing = true;
    pending_io_.push_back(std::move(pending));
    return;
  }
  Device& device = devices_[pending.device];
  pending.may_be_missing =
      !device.exists || device.blurred || device.pending_changes > 0 || device.deferred_remove ||
      (device.mapped && !device.ever_loaded);
  pending.size_least = size_least(pending.device);
  pending.size_most = size_most(pending.device);
  const IoKind kind = io_kind(operation);
  Range range = operation.range;
  if (kind == IoKind::Flush || kind == IoKind::IllegalFlush) range = {0, 0};
  if (range.first_sector >= pending.size_most) {
    range.count_sectors = 0;
  } else {
    range.count_sectors = std::min(range.count_sectors, pending.size_most - range.first_sector);
  }
  if (kind == IoKind::Read) {
    pending.collected.emplace(std::max<u64>(1, range.count_sectors), CandidateSet{});
  }
  pending_io_.push_back(std::move(pending));
  if (range.count_sectors == 0) return;
  std::vector<Piece> pieces = map_now(pending_io_.back().device, range, kind == IoKind::Read);
  place_io(pending_io_.back(), std::move(pieces));
}

void Machine::place_io(PendingIo& pending, std::vector<Piece> pieces) {
  const IoKind kind = io_kind(operation(pending.id));
  for (Piece& piece : pieces) {
    if (piece.kind == PieceKind::Unknown) {
      pending.free = true;
      pending.why_free =
          "the specification does not know the table of " + operation(pending.id).device;
    }
    if (piece.kind == PieceKind::Deferred) pending.deferred_ever = true;
    if (!piece.binds) pending.ambiguous = true;
    const Range io{piece.io_first, piece.count_sectors};
    if (kind == IoKind::Read) {
      if (piece.kind == PieceKind::Sectors) {
        pending.collected->add_copy(io, volumes_[piece.volume], piece.first_sector);
        if (!piece.binds) {
          pending.collected->add(io, Candidate{CandidateKind::Any, kForEver, 0});
        }
      } else if (piece.kind == PieceKind::Zeroes) {
        pending.collected->add(io, Candidate{});
      }
    } else if (piece.kind == PieceKind::Sectors) {
      effect_of(pending, piece);
    }
    pending.pieces.push_back(piece);
  }
}

Candidate Machine::written_by(OperationId id, const Piece& piece) const {
  const Operation& operation = this->operation(id);
  switch (io_kind(operation)) {
    case IoKind::WriteZeroes:
      return {CandidateKind::Zero, id, 0};
    case IoKind::Discard:
    case IoKind::SecureErase:
      return {CandidateKind::Any, id, 0};
    default:
      return {CandidateKind::Written, id,
              static_cast<i64>(operation.range.first_sector + piece.io_first - piece.first_sector)};
  }
}

void Machine::effect_of(const PendingIo& pending, const Piece& piece) {
  const Range range{piece.first_sector, piece.count_sectors};
  widen(piece.volume, range, written_by(pending.id, piece));
  if (!piece.binds) widen(piece.volume, range, {CandidateKind::Any, kForEver, 0});
  if (piece.store != kNone) note_view_write(pending, piece, false);
  note_origin_write(pending, piece);
  damage_file_systems(piece.volume, range);
  note_era_write(pending, false);
}

void Machine::widen(VolumeId volume, Range range, const Candidate& candidate) {
  volumes_[volume].add(range, candidate);
  for (PendingIo& reader : pending_io_) {
    if (!reader.collected) continue;
    for (const Piece& piece : reader.pieces) {
      if (piece.kind != PieceKind::Sectors || piece.volume != volume) continue;
      const u64 first = std::max(piece.first_sector, range.first_sector);
      const u64 end = std::min(piece.first_sector + piece.count_sectors, range.end_sector());
      if (first >= end) continue;
      const i64 shift = static_cast<i64>(piece.first_sector - piece.io_first);
      Candidate seen = candidate;
      if (seen.kind == CandidateKind::Written) seen.shift += shift;
      reader.collected->add({first - static_cast<u64>(shift), end - first}, seen);
    }
  }
}

// I1: of the certain pieces only.
void Machine::narrow_write(const PendingIo& pending) {
  for (const Piece& piece : pending.pieces) {
    if (piece.kind != PieceKind::Sectors || !piece.certain || !piece.binds || pending.ambiguous) {
      continue;
    }
    const bool discards = io_kind(operation(pending.id)) == IoKind::Discard;
    volumes_[piece.volume].change(
        {piece.first_sector, piece.count_sectors}, [&](CandidateSet& set) {
          set.keep_if([&](const Candidate& candidate) {
            return candidate.writer == pending.id ||
                   !returned_before(candidate.writer, pending.id) || discards;
          });
        });
  }
}

// What was read is what the sector held at one moment since the invoke; what had returned before
// that and is not it is gone.
void Machine::narrow_read(const Event& event, const PendingIo& pending) {
  for (const Piece& piece : pending.pieces) {
    if (piece.kind != PieceKind::Sectors || !piece.certain || !piece.binds || pending.ambiguous) {
      continue;
    }
    u64 at = 0;
    for (const SectorRun& run : event.data) {
      const u64 first = std::max(at, piece.io_first);
      const u64 end = std::min(at + run.count, piece.io_first + piece.count_sectors);
      if (first < end) {
        const u64 place = first - piece.io_first + piece.first_sector;
        Sector seen = run.first;
        if (auto* stamp = std::get_if<Stamp>(&seen)) stamp->sector += first - at;
        // The parts of the range with one set each are judged at their own first sector.
        std::vector<std::pair<Range, CandidateSet>> narrowed;
        volumes_[piece.volume].for_each(
            {place, end - first}, [&](u64 part, u64 part_end, const CandidateSet& set) {
              if (set.size() < 2) return;
              Sector here = seen;
              if (auto* stamp = std::get_if<Stamp>(&here)) stamp->sector += part - place;
              CandidateSet kept = set;
              kept.keep_if([&](const Candidate& candidate) {
                return matches(candidate, part, here, program_->trace.seed) ||
                       !returned_before(candidate.writer, pending.id);
              });
              if (!kept.empty() && kept.size() < set.size()) {
                narrowed.emplace_back(Range{part, part_end - part}, std::move(kept));
              }
            });
        for (const auto& [range, set] : narrowed) volumes_[piece.volume].set(range, set);
      }
      at += run.count;
    }
  }
}

// A resume of `device` with a new table is under way: what is pending may go to either.
void Machine::tables_changed(DeviceId device) {
  bool under_io = devices_[device].mounts > 0;
  for (PendingIo& pending : pending_io_) {
    if (pending.device == kNone || !stack_has(pending.device, device)) continue;
    under_io = true;
    const bool waits_here =
        !pending.pieces.empty() && std::ranges::all_of(pending.pieces, [&](const Piece& piece) {
          return piece.kind == PieceKind::Deferred && piece.device == device;
        });
    if (waits_here || pending.pieces.empty()) continue;  // R38: it resolves with the new table
    const Operation& operation = this->operation(pending.id);
    pending.swapped = true;
    for (Piece& piece : pending.pieces) piece.certain = false;
    Range range = operation.range;
    pending.size_most = std::max(pending.size_most, size_most(pending.device));
    pending.size_least = std::min(pending.size_least, size_least(pending.device));
    range.count_sectors =
        std::min(range.count_sectors,
                 pending.collected ? pending.collected->size_sectors() : range.count_sectors);
    std::vector<Piece> pieces = map_now(pending.device, range, io_kind(operation) == IoKind::Read);
    for (Piece& piece : pieces) piece.certain = false;
    place_io(pending, std::move(pieces));
  }
  if (under_io) ++marks_.attaches_under_io;
}

// R38, R40: what waited goes on when the device is resumed.
void Machine::release_deferred(DeviceId device) {
  for (PendingIo& pending : pending_io_) {
    std::vector<Piece> waiting;
    std::erase_if(pending.pieces, [&](const Piece& piece) {
      if (piece.kind != PieceKind::Deferred || piece.device != device) return false;
      waiting.push_back(piece);
      return true;
    });
    const bool reads = io_kind(operation(pending.id)) == IoKind::Read;
    for (const Piece& piece : waiting) {
      Mapping mapping;
      mapping.reads = reads;
      Piece carried = piece;
      carried.device = kNone;
      map_device(device, {piece.first_sector, piece.count_sectors}, carried, mapping);
      place_io(pending, std::move(mapping.pieces));
    }
  }
}

LegalSet Machine::io_errors(const Operation& operation, const PendingIo& pending) const {
  LegalSet legal;
  const IoKind kind = io_kind(operation);
  const bool bio = operation.kind == OperationKind::Bio;
  const bool reads = kind == IoKind::Read;
  const Range range = operation.range;
  const auto flag = [&](OperationFlag which) { return operation.flags.has(which); };
  if (pending.may_be_missing) allow(legal, {ENOENT, ENXIO, ENODEV});
  // R5, R10: nowait is refused where the queue does not offer it, whatever the I/O.
  if (flag(OperationFlag::Nowait)) allow(legal, {EAGAIN, EOPNOTSUPP});
  if (pending.device == kNone || !devices_[pending.device].exists) {
    legal.rule = rule(27);
    if (pending.device == kNone) return legal;
  }
  const Device& device = devices_[pending.device];
  const bool mapped = device.mapped;
  // R45: before its first load a mapped device has no disk, so its node cannot be opened.
  if (mapped && device.exists && !device.ever_loaded) {
    legal.rule = rule(45);
    allow(legal, {ENXIO});
    const bool loading = std::ranges::any_of(pending_changes_, [&](const PendingChange& change) {
      return change.device == pending.device &&
             this->operation(change.id).kind == OperationKind::Load;
    });
    if (!loading) return legal;
  }
  if (kind == IoKind::IllegalFlush) {  // R6
    legal.rule = rule(6);
    allow(legal, {EOPNOTSUPP});
    return legal;
  }
  if (kind == IoKind::SecureErase) {  // R5
    legal.rule = rule(5);
    allow(legal, {EOPNOTSUPP});
    return legal;
  }
  const bool no_table = mapped && pending.size_most == 0;
  if (kind == IoKind::Flush || range.count_sectors == 0) {
    legal.rule = kind == IoKind::Flush ? rule(4) : rule(1);
    if (no_table && bio) {
      legal.rule = rule(45);
      allow(legal, {EIO});
      if (kind == IoKind::Flush) allow(legal, {0});  // R4: without a cache it ends above DM
      return legal;
    }
    allow(legal, {0});
    if (kind != IoKind::Flush && !bio) allow(legal, {EINVAL, ENOSPC});
    if (kind == IoKind::Flush) {
      for (VolumeId volume = 0; volume < program_->trace.disks.size(); ++volume) {
        if (fault_possible(volume, {0, 0}, DiskRequest::Flush)) allow(legal, {EIO});
        if (stack_has(pending.device, disk_of_volume_[volume])) {
          if (any_fault(volume)) allow(legal, {EIO});
        }
      }
      if (no_table) allow(legal, {EIO});
      if (mapped && device.blurred) allow(legal, {EIO});
    }
    return legal;
  }
  const u64 block = std::max<u64>(1, logical_block_sectors(pending.device));
  if (range.first_sector % block != 0 || range.count_sectors % block != 0) {
    legal.rule = rule(15);
    allow(legal, {EINVAL, EIO, 0, ENOSPC});
    return legal;
  }
  if (!reads && device.read_only && !bio) {  // R3
    legal.rule = rule(3);
    allow(legal, {EPERM, EROFS, EACCES});
    return legal;
  }
  if (kind == IoKind::Discard || kind == IoKind::WriteZeroes) {
    const bool origin_only =
        device.live && !device.blurred && !device.resuming &&
        std::ranges::all_of(device.live->targets, [](const Target& target) {
          return target.type == TargetType::SnapshotOrigin || target.type == TargetType::Error;
        });
    legal.rule = origin_only ? rule(59) : mapped ? rule(43) : rule(5);
    allow(legal, {EOPNOTSUPP});
    const bool null = !mapped && program_->trace.disks[device.disk].kind == DiskKind::Null;
    if (!origin_only && !null) allow(legal, {0, EIO, EINVAL});
    if (range.end_sector() > pending.size_least) allow(legal, {EINVAL, ENOSPC, EIO});
    return legal;
  }
  if (range.end_sector() > pending.size_least && bio) {  // R1
    legal.rule = rule(1);
    allow(legal, {EIO});
    if (range.end_sector() > pending.size_most) return legal;
  }
  if (range.first_sector >= pending.size_least && !bio) {
    legal.rule = no_table ? rule(45) : rule(1);
    allow(legal, {reads ? 0 : ENOSPC});
    if (range.first_sector >= pending.size_most) return legal;
  }
  bool must_fail = false;
  bool waits = false;
  legal.rule = mapped ? rule(46) : RuleId::None;
  for (const Piece& piece : pending.pieces) {
    if (legal.rule == RuleId::None || piece.rule != rule(46)) {
      if (piece.rule != RuleId::None) legal.rule = piece.rule;
    }
    const Range place{piece.first_sector, piece.count_sectors};
    switch (piece.kind) {
      case PieceKind::Error:
        allow(legal, {EIO});
        if (piece.certain) must_fail = true;
        break;
      case PieceKind::Sectors: {
        if (fault_possible(piece.volume, place, reads ? DiskRequest::Read : DiskRequest::Write) ||
            (!reads && fault_possible(piece.volume, place, DiskRequest::Flush))) {
          allow(legal, {EIO, ENOSPC, ENOMEM, EAGAIN, ENODEV, EILSEQ, EOPNOTSUPP, ETIMEDOUT});
          legal.rule = rule(19);
        }
        if (piece.store == kNone) break;
        const SnapStore& store = stores_[piece.store];
        if (store.may_be_invalid || store.may_have_failed) {  // R69, R73
          allow(legal, {EIO});
          legal.rule = rule(69);
        }
        if (store.may_be_overflowed && !reads) {  // R68
          allow(legal, {EIO});
          legal.rule = rule(68);
        }
        if (!store.may_be_valid && !store.slack && piece.certain) {
          if (!store.may_be_overflowed || !reads) must_fail = true;
        }
        // R65: what is not excepted is read from the origin, whose error is the read's.
        const bool origin_fails =
            reads && std::ranges::any_of(store.origin_pieces, [&](const Piece& origin) {
              return any_fault(origin.volume);
            });
        if (any_fault(store.cow_place.volume) || origin_fails || store.slack) {
          allow(legal, {EIO});
        }
        break;
      }
      case PieceKind::Deferred:
        waits = true;
        break;
      case PieceKind::Unknown:
        allow(legal, {EIO});
        break;
      default:
        break;
    }
  }
  if (flag(OperationFlag::Nowait) || flag(OperationFlag::Rahead)) {
    allow(legal, {EAGAIN, EOPNOTSUPP});  // R5, R10, R13
    if (flag(OperationFlag::Rahead)) allow(legal, {EIO});
    const bool zero_readahead =
        flag(OperationFlag::Rahead) && std::ranges::any_of(pending.pieces, [](const Piece& piece) {
          return piece.target == TargetType::Zero && piece.kind == PieceKind::Zeroes &&
                 piece.certain;
        });
    if (zero_readahead) {  // R46
      legal.rule = rule(46);
      return legal;
    }
    if (waits) {  // R38
      legal.rule = rule(38);
      return legal;
    }
  }
  if (waits) {
    legal.may_block = true;
    legal.rule = rule(38);
  }
  if (pending.deferred_ever) legal.rule = rule(38);
  if (!must_fail && !waits) allow(legal, {0});  // R38
  // Era: a metadata device that fails makes writes fail (R53).
  if (!reads && mapped && telling_target(pending.device) == TargetType::Era) {
    for (VolumeId volume = 0; volume < program_->trace.disks.size(); ++volume) {
      if (any_fault(volume)) allow(legal, {EIO});
    }
  }
  if (device.blurred) allow(legal, {EIO, 0, ENOSPC});
  return legal;
}

LegalSet Machine::io_legal(const Operation& operation) const {
  PendingIo pending;
  pending.device = find_device(operation.device);
  if (pending.device == kNone) {
    pending.may_be_missing = true;
    return io_errors(operation, pending);
  }
  pending.size_least = size_least(pending.device);
  pending.size_most = size_most(pending.device);
  const IoKind kind = io_kind(operation);
  if (operation.range.count_sectors > 0 && operation.range.first_sector < pending.size_most &&
      kind != IoKind::Flush && kind != IoKind::IllegalFlush) {
    Range range = operation.range;
    range.count_sectors = std::min(range.count_sectors, pending.size_most - range.first_sector);
    pending.pieces = map_now(pending.device, range, kind == IoKind::Read);
  }
  return io_errors(operation, pending);
}

Verdict Machine::complete_io(const Event& event, PendingIo pending) {
  const Operation& operation = this->operation(event.operation);
  const IoKind kind = io_kind(operation);
  if (pending.device != kNone) {
    pending.size_least = std::min(pending.size_least, size_least(pending.device));
    pending.size_most = std::max(pending.size_most, size_most(pending.device));
    if (!devices_[pending.device].exists || devices_[pending.device].pending_changes > 0) {
      pending.may_be_missing = true;
    }
  }
  if (pending.free) {
    if (kind != IoKind::Read && kind != IoKind::Flush) free_device(pending.device, event.operation);
    return not_judged(pending.why_free);
  }
  const LegalSet legal = io_errors(operation, pending);
  const std::string target = target_name(pending.device);
  const bool waits = std::ranges::any_of(
      pending.pieces, [](const Piece& piece) { return piece.kind == PieceKind::Deferred; });
  if (waits && event.error == 0 && kind != IoKind::Flush) {
    return violation(rule(38), target,
                     "I/O to " + operation.device + " returned while the device is suspended");
  }
  if (!legal.allows(event.error)) {
    return violation(legal.rule, target,
                     "expected " + errors_text(legal.errors) + ", got " + error_text(event.error));
  }
  exercised(event.error == EAGAIN ? rule(10) : legal.rule);
  const std::string lost =
      pending.device == kNone ? "" : fault_of_preflush(event.operation, pending);
  if (!lost.empty()) exercised(rule(44));
  if (event.error != 0) return legal_verdict();
  note_splits(pending);
  if (kind == IoKind::Read) return complete_read(event, pending);
  if (kind == IoKind::Write || kind == IoKind::WriteZeroes || kind == IoKind::Discard) {
    Verdict verdict = complete_write(event, pending);
    if (verdict.kind != VerdictKind::Legal || lost.empty()) return verdict;
    verdict.kind = VerdictKind::Hazard;
    verdict.rule = rule(44);
    verdict.target = target;
    verdict.message = "the write with preflush to " + operation.device + " " +
                      std::to_string(operation.range.first_sector) + "+" +
                      std::to_string(operation.range.count_sectors) +
                      " succeeded though its flush failed by " + lost +
                      ": what was written before it may not be durable";
    return verdict;
  }
  return legal_verdict();
}

Verdict Machine::complete_write(const Event& event, PendingIo& pending) {
  const Operation& operation = this->operation(event.operation);
  // R1: past the end a write is cut short.
  const u64 asked = operation.range.count_sectors;
  const u64 most = std::min(asked, pending.size_most > operation.range.first_sector
                                       ? pending.size_most - operation.range.first_sector
                                       : 0);
  const u64 least = std::min(asked, pending.size_least > operation.range.first_sector
                                        ? pending.size_least - operation.range.first_sector
                                        : 0);
  if (event.count_sectors < least || event.count_sectors > std::max(most, asked)) {
    return violation(rule(1), target_name(pending.device),
                     "a write of " + std::to_string(asked) + " sectors moved " +
                         std::to_string(event.count_sectors));
  }
  narrow_write(pending);
  for (const Piece& piece : pending.pieces) {
    if (piece.kind != PieceKind::Sectors) continue;
    if (piece.store != kNone) note_view_write(pending, piece, piece.certain && !pending.ambiguous);
    if (piece.certain && !pending.ambiguous) settle_origin_write(pending, piece);
  }
  note_era_write(pending, true);
  return legal_verdict();
}

Verdict Machine::complete_read(const Event& event, PendingIo& pending) {
  const Operation& operation = this->operation(event.operation);
  const u64 first = operation.range.first_sector;
  const u64 asked = operation.range.count_sectors;
  const u64 most = std::min(asked, pending.size_most > first ? pending.size_most - first : 0);
  const u64 least = std::min(asked, pending.size_least > first ? pending.size_least - first : 0);
  const u64 got = count_sectors(event.data);
  if (event.count_sectors < least || event.count_sectors > most || got != event.count_sectors) {
    return violation(rule(1), target_name(pending.device),
                     "a read of " + std::to_string(asked) + " sectors of which " +
                         std::to_string(most) + " exist gave " +
                         std::to_string(event.count_sectors));
  }
  if (got == 0) return legal_verdict();
  Verdict verdict = judge_sectors(event, *pending.collected, first, &pending);
  if (verdict.kind == VerdictKind::Legal) narrow_read(event, pending);
  return verdict;
}

void Machine::note_splits(const PendingIo& pending) {
  for (std::size_t i = 1; i < pending.pieces.size(); ++i) {
    if (pending.pieces[i].io_first > pending.pieces[0].io_first) {
      ++marks_.splits;
      exercised(rule(41));
      exercised(property(11));  // the parts tile the range, or a read would differ
      return;
    }
  }
}

// Nothing is known any more about what lies below the device.
void Machine::free_device(DeviceId device, OperationId writer) {
  if (device == kNone) return;
  for (VolumeId volume = 0; volume < program_->trace.disks.size(); ++volume) {
    bool reached = stack_has(device, disk_of_volume_[volume]);
    for (const TablePtr& table : devices_[device].past) {
      for (const Target& target : table->targets) {
        for (const TargetDevice& below : target.devices) {
          if (stack_has(below.device, disk_of_volume_[volume])) reached = true;
        }
      }
    }
    if (!reached) continue;
    widen(volume, {0, volumes_[volume].size_sectors()}, {CandidateKind::Any, writer, 0});
  }
}

}  // namespace bioscope::spec
