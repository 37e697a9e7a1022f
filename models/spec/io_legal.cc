// SPDX-License-Identifier: Apache-2.0
// Which errors block I/O may return.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {

namespace {

// Some sector of the piece may go where I/O does not fail.
bool has_alternative(const PendingIo& pending, const Piece& failing) {
  return std::ranges::any_of(pending.pieces, [&](const Piece& other) {
    return other.kind != PieceKind::Error &&
           other.io_first < failing.io_first + failing.count_sectors &&
           failing.io_first < other.io_first + other.count_sectors;
  });
}

}  // namespace

// A flush goes to every target, wherever the data that it comes with goes.
bool Machine::flush_may_fail(DeviceId device) const {
  if (stack_flakes(device)) return true;
  for (VolumeId volume = 0; volume < program_->trace.disks.size(); ++volume) {
    if (fault_possible(volume, {0, 0}, DiskRequest::Flush)) return true;
    if (any_fault(volume) && stack_has(device, disk_of_volume_[volume])) return true;
  }
  return false;
}

LegalSet Machine::io_errors(const Operation& operation, const PendingIo& pending) const {
  LegalSet legal;
  const IoKind kind = io_kind(operation);
  const bool bio = operation.kind == OperationKind::Bio;
  const bool reads = kind == IoKind::Read;
  const Range range = operation.range;
  const auto flag = [&](OperationFlag which) { return operation.flags.has(which); };
  if (pending.may_be_missing) allow(legal, {ENOENT, ENXIO, ENODEV});
  // R5, R10: nowait is refused where the queue does not offer it, whatever the I/O. A disk offers
  // it, and who is attached over the disk does not take that away.
  const auto over = [&](DeviceId id) { return id != kNone && devices_[id].interposer != kNone; };
  const bool interposed_disk = pending.device != kNone && !devices_[pending.device].mapped &&
                               (over(pending.device) || over(devices_[pending.device].whole));
  const auto nowait = [&] {
    allow(legal, {EAGAIN});
    if (!interposed_disk) allow(legal, {EOPNOTSUPP});
  };
  if (flag(OperationFlag::Nowait)) nowait();
  if (pending.device == kNone || !devices_[pending.device].exists) {
    legal.rule = rule(27);
    if (pending.device == kNone) {
      if (find_gone(operation.device) != kNone) {  // R10: a dead device
        legal.rule = rule(10);
        allow(legal, {EIO});
      }
      return legal;
    }
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
      if (no_table || flush_may_fail(pending.device)) allow(legal, {EIO});
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
  if (!reads && !bio && device.whole != kNone && devices_[device.whole].read_only) {
    allow(legal, {EPERM, EROFS, EACCES});
  }
  if (kind == IoKind::Discard || kind == IoKind::WriteZeroes) {
    const DeviceId over_whole = device.whole == kNone ? kNone : devices_[device.whole].interposer;
    const Device& mapping = device.interposer != kNone ? devices_[device.interposer]
                            : over_whole != kNone      ? devices_[over_whole]
                                                       : device;
    const bool origin_only =
        mapping.live && !mapping.blurred && !mapping.resuming && mapping.removes == 0 &&
        std::ranges::all_of(mapping.live->targets, [](const Target& target) {
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
  legal.rule = mapped || interposed_disk ? rule(46) : RuleId::None;
  for (const Piece& piece : pending.pieces) {
    if (legal.rule == RuleId::None || piece.rule != rule(46)) {
      if (piece.rule != RuleId::None) legal.rule = piece.rule;
    }
    const Range place{piece.first_sector, piece.count_sectors};
    switch (piece.kind) {
      case PieceKind::Error:
        allow(legal, {EIO});
        if (piece.dead) allow(legal, {ENODEV, ENXIO});
        if (piece.certain || !has_alternative(pending, piece)) must_fail = true;
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
        waits = waits || piece.certain;
        legal.may_block = true;
        break;
      case PieceKind::Unknown:
        allow(legal, {EIO});
        break;
      default:
        break;
    }
  }
  if (flag(OperationFlag::Nowait) || flag(OperationFlag::Rahead)) {
    nowait();  // R5, R10, R13
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
  const bool marks = std::ranges::any_of(
      pending.pieces, [](const Piece& piece) { return piece.eras[0].store != kNone; });
  for (const Piece& piece : pending.pieces) {
    for (const EraPass& pass : piece.eras) {
      if (!reads && pass.store != kNone && eras_[pass.store].failing) allow(legal, {EIO});
    }
  }
  if (!reads && marks) {
    for (VolumeId volume = 0; volume < program_->trace.disks.size(); ++volume) {
      if (any_fault(volume)) allow(legal, {EIO});
    }
  }
  // R44: who does not lose the error of the flush tells it.
  if (!reads && flag(OperationFlag::Preflush) && flush_may_fail(pending.device)) {
    allow(legal, {EIO});
  }
  if (device.blurred) allow(legal, {EIO, 0, ENOSPC});
  return legal;
}

// P2: every part of it goes through an interposer for certain.
bool Machine::passes_interposer(const PendingIo& pending) const {
  return !pending.pieces.empty() && std::ranges::all_of(pending.pieces, [](const Piece& piece) {
    return piece.interposers > 0 && piece.certain;
  });
}

// P2: what was read is what lies below the interposer, which shows something else.
bool Machine::went_past_interposer(const Event& event, const PendingIo& pending) const {
  if (pending.pieces.empty() || !passes_interposer(pending)) return false;
  const u64 first = operation(event.operation).range.first_sector;
  const u64 count = count_sectors(event.data);
  Contents direct(count, CandidateSet{});
  Mapping mapping;
  mapping.past_suspends = true;
  mapping.past_interposers = true;
  map_device(pending.device, {first, count}, Piece{}, mapping);
  for (const Piece& piece : mapping.pieces) {
    if (piece.kind != PieceKind::Sectors) return false;
    direct.add_copy({piece.io_first, piece.count_sectors}, volumes_[piece.volume],
                    piece.first_sector);
  }
  bool fits = true;
  u64 at = 0;
  for (const SectorRun& run : event.data) {
    direct.for_each({at, run.count}, [&](u64 from, u64, const CandidateSet& set) {
      Sector seen = run.first;
      if (auto* stamp = std::get_if<Stamp>(&seen)) stamp->sector += from - at;
      bool found = false;
      for (std::size_t i = 0; i < set.size(); ++i) {
        found = found || (set[i].kind != CandidateKind::Any &&
                          matches(set[i], from, seen, program_->trace.seed));
      }
      fits = fits && found;
    });
    at += run.count;
  }
  return fits;
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

}  // namespace bioscope::spec
