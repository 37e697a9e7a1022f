// SPDX-License-Identifier: Apache-2.0
// What a subject that does everything right returns: the way `--on spec` plays.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

void append_run(SectorRuns& runs, u64 first, u64 end, const Candidate& candidate, u64 seed) {
  Sector value = Zero{};
  if (value_at(candidate, first, seed, value) || candidate.kind == CandidateKind::Any) {
    runs.push_back({end - first, value});
  }
}

// Of several candidates the one that was put there last.
Candidate latest(const CandidateSet& set) {
  Candidate chosen;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set[i].kind != CandidateKind::Any) chosen = set[i];
  }
  return chosen;
}

}  // namespace

Event Machine::expected(OperationId id) const {
  Machine alone(*this);
  ++alone.now_;
  const Operation& operation = this->operation(id);
  if (alone.invoked_[id] == 0) {
    alone.invoked_[id] = alone.now_;
    alone.under_way_.push_back(id);
    alone.invoke(id);
  }
  Event event;
  event.operation = id;
  event.lane = program_->lanes[id];
  event.kind = EventKind::Return;
  LegalSet legal = alone.legal(operation);
  const auto io = std::ranges::find(alone.pending_io_, id, &PendingIo::id);
  if (io != alone.pending_io_.end()) legal = alone.io_errors(operation, *io);
  const auto disk = std::ranges::find(alone.pending_disks_, id, &PendingDisk::id);
  if (disk != alone.pending_disks_.end()) legal = disk->legal;
  if (legal.errors.empty()) allow(legal, {0});
  event.error = legal.allows(0) ? 0 : legal.errors.list().front();
  // R44: a right subject reports the flush that failed.
  if (io != alone.pending_io_.end() && io->device != kNone &&
      !alone.fault_of_preflush(id, *io).empty()) {
    event.error = EIO;
  }
  if (event.error != 0) return event;
  const u64 seed = program_->trace.seed;
  if (io != alone.pending_io_.end()) {
    const u64 first = operation.range.first_sector;
    // What fails in the table that is just being bound can only have met the end before it.
    const bool fails = std::ranges::any_of(io->pieces, [](const Piece& piece) {
      return piece.kind == PieceKind::Error && piece.certain;
    });
    const u64 end = fails ? io->size_least : io->size_most;
    const u64 room = end > first ? end - first : 0;
    event.count_sectors = std::min(operation.range.count_sectors, room);
    if (io->collected && event.count_sectors > 0) {
      io->collected->for_each({0, event.count_sectors},
                              [&](u64 from, u64 end, const CandidateSet& set) {
                                append_run(event.data, from, end, latest(set), seed);
                              });
    }
    return event;
  }
  const auto file = std::ranges::find(alone.pending_files_, id, &PendingFile::id);
  if (file != alone.pending_files_.end()) {
    event.count_sectors = operation.range.count_sectors;
    if (operation.kind == OperationKind::FileRead && file->file != kNone) {
      const File& read = alone.file_systems_[file->file_system].files[file->file];
      const u64 first = operation.range.first_sector;
      event.count_sectors = std::min(operation.range.count_sectors,
                                     read.most_size > first ? read.most_size - first : 0);
      if (file->collected && event.count_sectors > 0) {
        file->collected->for_each({0, event.count_sectors},
                                  [&](u64 from, u64 end, const CandidateSet& set) {
                                    append_run(event.data, from, end, latest(set), seed);
                                  });
      }
    }
    return event;
  }
  const DeviceId device = find_device(operation.device);
  if (device == kNone) return event;
  switch (operation.kind) {
    case OperationKind::Info:
      event.text = info_text(device);
      break;
    case OperationKind::Deps:
      event.text = deps_text(device);
      break;
    case OperationKind::Table:
      if (devices_[device].live) event.text = table_text(*devices_[device].live);
      break;
    case OperationKind::Status:
      if (!devices_[device].live) break;
      for (const Target& target : devices_[device].live->targets) {
        if (!event.text.empty()) event.text += "; ";
        event.text += status_line(target);
      }
      break;
    case OperationKind::EraDump:
      event.text = alone.era_dump_text(device);
      break;
    case OperationKind::LogDump:
      alone.expect_log_dump(device, event);
      break;
    default:
      break;
  }
  return event;
}

}  // namespace bioscope::spec
