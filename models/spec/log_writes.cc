// SPDX-License-Identifier: Apache-2.0
// log-writes: what went through a target, and whether its log may be as it is read (R51). A target
// logs from its load on: one that was never live writes its last mark all the same. What the log
// must hold is known of operations on the mapped device itself; whoever else may write through it
// (a table above, a file system, an interposed device) makes the log foreign, and then only what is
// known to be missing or out of order is wrong.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

// log_mark(): what a mark's block has room for.
std::string cut_mark(const std::string& mark, u64 block_sectors) {
  constexpr u64 kEntryBytes = 32;
  return mark.substr(0, block_sectors * kSectorBytes - kEntryBytes - 1);
}

Range overlap(Range a, Range b) {
  const u64 first = std::max(a.first_sector, b.first_sector);
  const u64 end = std::min(a.end_sector(), b.end_sector());
  return {first, end > first ? end - first : 0};
}

}  // namespace

void Machine::load_log(const Target& target, DeviceId device) {
  const bool logs = target.type == TargetType::LogWrites;
  for (std::size_t i = 0; i < target.devices.size(); ++i) {
    if (logs && i == 1) continue;
    for (LogTarget& log : logs_) {
      if (log.log_device == target.devices[i].device) log.unknown = true;  // it may be written
    }
  }
  if (!logs) return;
  LogTarget log;
  log.instance = target.instance;
  log.device = device;
  log.sectors = {target.begin_sector, target.length_sectors};
  log.log_device = target.devices[1].device;
  log.log_sectors = size_most(log.log_device);
  log.block_sectors = logical_block_sectors(target.devices[0].device);
  log.loaded = resume_invoked_;
  log.unknown = log.log_device == target.devices[0].device;
  const auto place = place_of(log.log_device, target.devices[1].below);
  if (place) {
    log.place = *place;
    widen(place->volume, {place->sector, log.log_sectors}, {CandidateKind::Any, kForEver, 0});
  } else {
    log.unknown = true;
  }
  logs_.push_back(log);
}

void Machine::resume_log(const Target& target) {
  const auto log = std::ranges::find(logs_, target.instance, &LogTarget::instance);
  if (log == logs_.end() || log->live != kNever) return;
  log->resumed = resume_invoked_;
  log->live = now_;
  log->interposes = devices_[log->device].live->interposed != kNone;
}

void Machine::drop_log(const Target& target) {
  const auto log = std::ranges::find(logs_, target.instance, &LogTarget::instance);
  if (log == logs_.end()) return;
  log->going = resume_invoked_;
  // A worker of the kernel removes what goes with its last close: nobody knows when it is done.
  if (!devices_[log->device].deferred_remove) log->gone = now_;
}

void Machine::note_logged(const Event& event) {
  if (logs_.empty()) return;
  const Operation& operation = this->operation(event.operation);
  if (event.kind == EventKind::Return) {
    const auto noted = std::ranges::find(log_operations_, event.operation, &LogOperation::id);
    if (noted == log_operations_.end()) return;
    const bool moves = operation.range.count_sectors > 0 && operation.kind != OperationKind::Flush;
    noted->done =
        event.error == 0 && (!moves || event.count_sectors == operation.range.count_sectors);
    noted->refused = event.error != 0;
    return;
  }
  const bool io =
      std::ranges::find(pending_io_, event.operation, &PendingIo::id) != pending_io_.end();
  if (!io && operation.kind != OperationKind::Message) return;
  const DeviceId device = find_device(operation.device);
  if (device == kNone || !devices_[device].mapped) return;
  const bool direct = !may_be_interposed(devices_[device]) && !devices_[device].blurred;
  log_operations_.push_back({event.operation, device, direct, false, false});
}

// Somebody writes to where a log lies, past its target.
void Machine::damage_logs(VolumeId volume, Range range) {
  for (LogTarget& log : logs_) {
    const Range sectors{log.place.sector, log.log_sectors};
    if (log.place.volume == volume && overlap(sectors, range).count_sectors > 0) {
      log.unknown = true;
    }
  }
}

bool Machine::log_is_foreign(const LogTarget& log) const {
  const std::string& name = devices_[log.device].name;
  return log.interposes ||
         std::ranges::any_of(program_->operations, [&](const Operation* operation) {
           switch (operation->kind) {
             case OperationKind::Load:
               return operation->device != name && operation->text.find(name) != std::string::npos;
             case OperationKind::Ioctl:
               return operation->text.find(name) != std::string::npos;
             case OperationKind::Mkfs:
             case OperationKind::Mount:
             case OperationKind::Rename:
               return operation->device == name || operation->word == name;
             default:
               return false;
           }
         });
}

LogFacts Machine::log_facts(const LogTarget& log) const {
  LogFacts facts;
  facts.going = log.going;
  facts.gone = log.gone;
  facts.foreign = log_is_foreign(log);
  u64 blocks = 2;  // the super block and the last mark
  for (const LogOperation& noted : log_operations_) {
    if (noted.device != log.device || log.live == kNever) continue;
    const Operation& operation = this->operation(noted.id);
    LogItem item{.id = noted.id, .invoked = invoked_[noted.id]};
    if (returned_[noted.id] != 0) item.returned = returned_[noted.id];
    if (item.returned < log.resumed || item.invoked > log.gone) continue;
    item.certain =
        noted.done && noted.direct && item.invoked > log.live && item.returned < log.going;
    if (operation.kind == OperationKind::Message) {
      const u64 sector = operation.number < 0 ? 0 : static_cast<u64>(operation.number);
      const bool here = overlap({sector, 1}, log.sectors).count_sectors > 0;
      const auto mark = mark_of_message(operation.text);
      if (!here || noted.refused || !mark) continue;
      item.kind = LoggedKind::Mark;
      item.mark = cut_mark(*mark, log.block_sectors);
      blocks += 1;
      facts.items.push_back(std::move(item));
      continue;
    }
    const IoKind kind = io_kind(operation);
    item.fua = operation.flags.has(OperationFlag::Fua);
    item.range = overlap(operation.range, log.sectors);
    if (kind == IoKind::Flush || operation.flags.has(OperationFlag::Preflush)) {
      item.flushes_least = item.flushes_most = 1;
    }
    // User space asks for FUA with O_DSYNC, and the kernel may then flush behind the write as well.
    if (kind == IoKind::Write && item.fua) ++item.flushes_most;
    blocks += item.flushes_most;
    if (kind == IoKind::Flush) {
      item.kind = LoggedKind::Flush;
      item.range = {};
    } else if (kind == IoKind::Discard) {
      item.kind = LoggedKind::Discard;
    } else if (kind != IoKind::Write) {
      continue;
    }
    // A bio of user space has up to 256 pages, so more than a piece for each page is out of reach.
    constexpr u64 kPageSectors = 8;
    blocks += item.range.count_sectors / kPageSectors + 1;
    if (kind == IoKind::Write) blocks += item.range.count_sectors / log.block_sectors;
    facts.items.push_back(std::move(item));
  }
  facts.may_be_full = facts.foreign || (blocks + 1) * log.block_sectors >= log.log_sectors;
  return facts;
}

const LogTarget* Machine::log_on(DeviceId device) const {
  const auto place = place_of(device);
  if (!place) return nullptr;
  const LogTarget* last = nullptr;
  for (const LogTarget& log : logs_) {
    if (log.place == *place) last = &log;
  }
  return last;
}

// Does the disk complete in an order of its own, so that the super block may be there before what
// it counts?
bool Machine::arrives_in_any_order(VolumeId volume) const {
  return volume >= program_->trace.disks.size() ||
         program_->trace.disks[volume].kind == DiskKind::Controlled;
}

Verdict Machine::judge_log_dump(const Event& event) {
  const Operation& operation = this->operation(event.operation);
  const DeviceId id = find_device(operation.device);
  if (id == kNone) {
    return event.error == ENXIO || event.error == ENODEV || event.error == ENOENT
               ? legal_verdict()
               : violation(rule(27), "log-writes", "a device that is not there was dumped");
  }
  const LogTarget* log = log_on(id);
  if (log == nullptr) {
    return event.error == EINVAL ? legal_verdict() : not_judged("no log is known there");
  }
  if (log->unknown || unreliable(id)) {
    return not_judged("the log may have been written by others, or could not be written");
  }
  for (const LogTarget& other : logs_) {
    if (&other == log || other.place != log->place) continue;
    if (other.gone > log->loaded || log->gone == kNever) {
      return not_judged("two targets have written their logs to " + operation.device);
    }
  }
  const bool being_written = log->gone >= invoked_[event.operation];
  if (being_written &&
      (arrives_in_any_order(log->place.volume) || devices_[log->device].resuming)) {
    return legal_verdict();
  }
  const LogFacts facts = log_facts(*log);
  if (event.error != 0) {
    if (event.error == EINVAL && (being_written || facts.may_be_full)) return legal_verdict();
    return violation(rule(51), "log-writes",
                     "the log of a target that is gone cannot be read: " +
                         (event.text.empty() ? error_text(event.error) : event.text));
  }
  const auto entries = parse_log(event.text, program_->trace.seed);
  if (!entries) return not_judged("a log dump that cannot be read");
  LogFacts judged = facts;
  if (being_written) judged.gone = kNever;
  const std::string wrong = judge_log(judged, *entries);
  if (!wrong.empty()) {
    return violation(rule(51), "log-writes", "the log on " + operation.device + ": " + wrong);
  }
  exercised(rule(51));
  return legal_verdict();
}

void Machine::expect_log_dump(DeviceId device, Event& event) const {
  const LogTarget* log = log_on(device);
  std::vector<LoggedEntry> entries;
  if (log != nullptr) entries = expected_log(log_facts(*log), program_->trace.seed);
  if (entries.empty()) {
    event.error = EINVAL;
    event.text = "there is no log yet";
    return;
  }
  event.text = print_log(entries);
}

}  // namespace bioscope::spec
