// SPDX-License-Identifier: Apache-2.0
// What the tables below do to I/O that is pending: swapped, resumed, no longer known.
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {

// A resume of `device` with a new table is under way: what is pending may go to either.
void Machine::tables_changed(DeviceId device) {
  bool under_io = devices_[device].mounts > 0;
  for (const Device& each : devices_) {
    if (each.interposer == device || each.attaching == device) under_io |= each.mounts > 0;
  }
  for (PendingIo& pending : pending_io_) {
    if (pending.device == kNone || !stack_has(pending.device, device)) continue;
    under_io = true;
    const bool waits_here =
        !pending.pieces.empty() && std::ranges::all_of(pending.pieces, [&](const Piece& piece) {
          return piece.kind == PieceKind::Deferred && piece.device == device;
        });
    if (pending.pieces.empty()) pending.swapped = true;  // a flush
    if (waits_here || pending.pieces.empty()) continue;  // R38: it resolves with the new table
    pending.swapped = true;
    place_again(pending);
  }
  if (under_io) ++marks_.attaches_under_io;
}

// It may go where it would go now as well as where it would have gone when it was invoked.
void Machine::place_again(PendingIo& pending) {
  const Operation& operation = this->operation(pending.id);
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

// R38, R40: what waited goes on when the device is resumed.
void Machine::release_deferred(DeviceId device) {
  for (PendingIo& pending : pending_io_) {
    std::vector<Piece> waiting;
    pending.waited =
        !pending.pieces.empty() && std::ranges::all_of(pending.pieces, [&](const Piece& piece) {
          return piece.kind == PieceKind::Deferred && piece.device == device && piece.certain;
        });
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
      carried.redirected = kNone;
      const DeviceId from = piece.redirected == kNone ? device : piece.redirected;
      map_device(from, {piece.first_sector, piece.count_sectors}, carried, mapping);
      place_io(pending, std::move(mapping.pieces));
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
          if (stack_has(below.device, disk_of_volume_[volume], below.below)) reached = true;
        }
      }
    }
    if (!reached) continue;
    widen(volume, {0, volumes_[volume].size_sectors()}, {CandidateKind::Any, writer, 0});
  }
}

}  // namespace bioscope::spec
