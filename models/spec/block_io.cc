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
  pending.may_be_missing = !device.exists || device.blurred || device.pending_changes > 0 ||
                           device.deferred_remove || (device.mapped && !device.ever_loaded);
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
  begin_flush(pending);
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
      } else if (piece.kind == PieceKind::Zeroes) {
        pending.collected->add(io, Candidate{});
      }
      if (!piece.binds) pending.collected->add(io, Candidate{CandidateKind::Any, kForEver, 0});
    } else if (piece.kind == PieceKind::Sectors) {
      effect_of(pending, piece);
    }
    if (kind != IoKind::Read) {
      note_era_write(pending, piece, false);
      if (piece.kind == PieceKind::Error) note_failed_write(piece);
    }
  }
  if (pending.pieces.empty()) {
    pending.pieces = std::move(pieces);
  } else {
    pending.pieces.insert(pending.pieces.end(), pieces.begin(), pieces.end());
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
  damage_logs(piece.volume, range);
}

void Machine::widen(VolumeId volume, Range range, const Candidate& candidate) {
  volumes_[volume].add(range, candidate);
  if (cuts_) durable_[volume].add(range, candidate);
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

void Machine::set_sectors(VolumeId volume, Range range, const CandidateSet& set) {
  volumes_[volume].set(range, set);
  if (cuts_) durable_[volume].set(range, set);
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
  const bool waits = std::ranges::any_of(pending.pieces, [](const Piece& piece) {
    return piece.kind == PieceKind::Deferred && piece.certain;
  });
  if (waits && event.error == 0 && kind != IoKind::Flush) {
    return violation(rule(38), target_name(pending.device),
                     "I/O to " + operation.device + " returned while the device is suspended");
  }
  if (!legal.allows(event.error)) {
    const bool moves = kind == IoKind::Read || kind == IoKind::Write;
    const bool passed_by = moves && event.error == 0 && legal.rule != property(9) &&
                           passes_interposer(pending);  // P2: what has to fail there did not
    return violation(passed_by ? property(2) : legal.rule, target_name(pending.device),
                     "expected " + errors_text(legal.errors) + ", got " + error_text(event.error));
  }
  exercised(event.error == EAGAIN ? rule(10) : legal.rule);
  if (std::ranges::any_of(pending.pieces,
                          [](const Piece& piece) { return piece.rule == property(9); })) {
    exercised(property(9));
  }
  const std::string lost =
      pending.device == kNone ? "" : fault_of_preflush(event.operation, pending);
  if (!lost.empty()) exercised(rule(44));
  if (event.error != 0) return legal_verdict();
  note_splits(pending);
  settle_flush(pending);
  if (kind == IoKind::Read) return complete_read(event, pending);
  if (kind == IoKind::Write || kind == IoKind::WriteZeroes || kind == IoKind::Discard) {
    Verdict verdict = complete_write(event, pending);
    if (verdict.kind != VerdictKind::Legal || lost.empty()) return verdict;
    verdict.kind = VerdictKind::Hazard;
    verdict.rule = rule(44);
    verdict.target = target_name(pending.device);
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
    note_era_write(pending, piece, true);
    if (piece.kind != PieceKind::Sectors) continue;
    const bool certain = piece.certain && !pending.ambiguous;
    if (piece.store != kNone) note_view_write(pending, piece, certain);
    if (!certain) continue;
    settle_origin_write(pending, piece);
    settle_durable(pending, piece);
  }
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

}  // namespace bioscope::spec
