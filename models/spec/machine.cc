// SPDX-License-Identifier: Apache-2.0
#include "models/spec/machine.h"

#include <algorithm>

#include "models/trace/order.h"

namespace bioscope::spec {
namespace {

bool is_io(OperationKind kind) {
  switch (kind) {
    case OperationKind::Read:
    case OperationKind::Write:
    case OperationKind::Flush:
    case OperationKind::Discard:
    case OperationKind::WriteZeroes:
    case OperationKind::SecureErase:
    case OperationKind::Bio:
      return true;
    default:
      return false;
  }
}

bool is_query(OperationKind kind) {
  switch (kind) {
    case OperationKind::Status:
    case OperationKind::Table:
    case OperationKind::Deps:
    case OperationKind::Info:
    case OperationKind::EraDump:
    case OperationKind::LogDump:
      return true;
    default:
      return false;
  }
}

bool is_change(OperationKind kind) {
  switch (kind) {
    case OperationKind::Create:
    case OperationKind::Load:
    case OperationKind::Clear:
    case OperationKind::Suspend:
    case OperationKind::Resume:
    case OperationKind::Remove:
    case OperationKind::Rename:
    case OperationKind::Message:
    case OperationKind::Open:
    case OperationKind::Close:
    case OperationKind::Ioctl:
    case OperationKind::SetReadOnly:
      return true;
    default:
      return false;
  }
}

bool is_file_system(OperationKind kind) {
  return kind >= OperationKind::Mkfs && kind <= OperationKind::Fsck;
}

bool is_lane(OperationKind kind) {
  return kind == OperationKind::Wait || kind == OperationKind::After ||
         kind == OperationKind::Signal || kind == OperationKind::Clock;
}

bool is_disk(OperationKind kind) {
  return kind == OperationKind::Resize || kind == OperationKind::HotRemove ||
         kind == OperationKind::Partition || kind == OperationKind::PowerCut ||
         kind == OperationKind::Reopen;
}

}  // namespace

Program::Program(const Trace& from) : trace(from) {
  for (std::size_t lane = 0; lane < trace.lanes.size(); ++lane) {
    for (const Operation& operation : trace.lanes[lane].operations) {
      operations.push_back(&operation);
      lanes.push_back(static_cast<u16>(lane));
    }
  }
}

Machine::Machine(std::shared_ptr<const Program> program, Capabilities can)
    : program_(std::move(program)) {
  const Trace& trace = program_->trace;
  marks_.exercised.resize(kRuleIds);
  invoked_.resize(program_->operations.size());
  returned_.resize(program_->operations.size());
  signalled_.resize(program_->operations.size());
  time_known_ = time_is_known(can);
  cuts_ = std::ranges::any_of(program_->operations, [](const Operation* operation) {
    return operation->kind == OperationKind::PowerCut;
  });
  held_steps_.resize(trace.disk_script.size());
  steps_seen_.resize(trace.disk_script.size());
  for (std::size_t i = 0; i < trace.disks.size(); ++i) {
    Device device;
    device.name = trace.disks[i].name;
    device.disk = static_cast<u32>(i);
    device.volume = static_cast<VolumeId>(i);
    device.size_sectors = trace.disks[i].size_sectors;
    device.read_only = trace.disks[i].read_only;
    devices_.push_back(std::move(device));
    volumes_.push_back(Contents::zeroes(trace.disks[i].size_sectors));
    blocks_differ_ |= trace.disks[i].logical_block_bytes > kSectorBytes;
    if (cuts_) durable_.push_back(volumes_.back());
    disk_of_volume_.push_back(static_cast<DeviceId>(i));
  }
}

VolumeId Machine::new_volume(Contents contents) {
  if (cuts_) durable_.push_back(contents);
  volumes_.push_back(std::move(contents));
  disk_of_volume_.push_back(kNone);
  return static_cast<VolumeId>(volumes_.size() - 1);
}

DeviceId Machine::find_device(std::string_view name) const {
  for (std::size_t i = devices_.size(); i-- > 0;) {
    if (devices_[i].exists && devices_[i].name == name) return static_cast<DeviceId>(i);
  }
  return kNone;
}

// A disk of that name that was removed while it was in use.
DeviceId Machine::find_gone(std::string_view name) const {
  for (std::size_t i = devices_.size(); i-- > 0;) {
    if (devices_[i].gone && devices_[i].name == name) return static_cast<DeviceId>(i);
  }
  return kNone;
}

bool Machine::returned_before(OperationId writer, OperationId than) const {
  if (writer == kBeforeAll) return true;
  if (writer == kForEver) return false;
  return returned_[writer] != 0 && returned_[writer] < invoked_[than];
}

void Machine::exercised(RuleId rule, u64 times) {
  if (rule != RuleId::None) marks_.exercised[static_cast<std::size_t>(rule)] += times;
}

bool Machine::edge_reached(const Edge& edge) const {
  if (edge.kind == EdgeKind::None || edge.kind == EdgeKind::Quiet) return true;
  if (edge.kind == EdgeKind::Held) {
    const auto step = find_hold(program_->trace, edge.label);
    return !step || steps_seen_[*step];
  }
  const auto id = find_labelled(program_->trace, edge.label);
  // A subject may act on a return a little before the history has it.
  return !id || invoked_[*id] != 0;
}

bool Machine::fault_possible(VolumeId volume, Range range, DiskRequest request) const {
  if (volume >= program_->trace.disks.size()) return false;
  if (devices_[volume].dying || devices_[volume].gone || power_unsure(volume)) return true;
  for (const DiskStep& step : program_->trace.disk_script) {
    if (step.kind != DiskStepKind::Fail || step.request != request ||
        step.disk != program_->trace.disks[volume].name || !edge_reached(step.edge)) {
      continue;
    }
    const bool overlaps =
        step.range.count_sectors == 0 || (step.range.first_sector < range.end_sector() &&
                                          range.first_sector < step.range.end_sector());
    if (overlaps) return true;
  }
  return false;
}

bool Machine::any_fault(VolumeId volume) const {
  if (volume >= program_->trace.disks.size()) return false;
  if (devices_[volume].dying || devices_[volume].gone || power_unsure(volume)) return true;
  return std::ranges::any_of(program_->trace.disk_script, [&](const DiskStep& step) {
    return step.kind == DiskStepKind::Fail && step.disk == program_->trace.disks[volume].name &&
           edge_reached(step.edge);
  });
}

Verdict Machine::apply(const Event& event) {
  ++now_;
  switch (event.kind) {
    case EventKind::Invoke:
      if (event.operation >= program_->operations.size()) return not_judged("unknown operation");
      invoked_[event.operation] = now_;
      under_way_.push_back(event.operation);
      invoke(event.operation);
      note_logged(event);
      widen_open_counts();
      return legal_verdict();
    case EventKind::Return: {
      if (event.operation >= program_->operations.size()) return not_judged("unknown operation");
      ++marks_.operations;
      if (event.error == 0) ++marks_.operations_succeeded;
      Verdict verdict = complete(event);
      if (verdict.kind == VerdictKind::Legal) {
        marks_.saw(operation(event.operation).kind, event.error);
      }
      note_logged(event);
      returned_[event.operation] = now_;
      std::erase(under_way_, event.operation);
      widen_open_counts();
      return verdict;
    }
    case EventKind::Held:
    case EventKind::Done:
      if (event.operation < held_steps_.size()) {
        held_steps_[event.operation] = event.kind == EventKind::Held;
        if (event.kind == EventKind::Held) steps_seen_[event.operation] = true;
      }
      return legal_verdict();
    case EventKind::Cut:  // between the invoke and the return of a power cut
      return legal_verdict();
  }
  return legal_verdict();
}

void Machine::invoke(OperationId id) {
  const OperationKind kind = operation(id).kind;
  if (is_io(kind)) return invoke_io(id);
  if (is_change(kind)) return invoke_change(id);
  if (is_file_system(kind)) return invoke_file(id);
  if (is_disk(kind)) return invoke_disk(id);
  if (is_lane(kind)) return invoke_lane(id);
  if (kind == OperationKind::Info) pending_infos_.push_back({id, {}});
}

Verdict Machine::complete(const Event& event) {
  const Operation& operation = this->operation(event.operation);
  if (is_io(operation.kind)) {
    const auto found = std::ranges::find(pending_io_, event.operation, &PendingIo::id);
    if (found == pending_io_.end()) return not_judged("a return without its invoke");
    PendingIo pending = std::move(*found);
    pending_io_.erase(found);
    return complete_io(event, std::move(pending));
  }
  if (is_change(operation.kind)) return complete_change(event);
  if (is_query(operation.kind)) return complete_query(event);
  if (is_file_system(operation.kind)) return complete_file(event);
  if (is_disk(operation.kind)) return complete_disk(event);
  if (is_lane(operation.kind)) return complete_lane(event);
  return not_judged("the specification does not know this operation");
}

LegalSet Machine::legal(const Operation& operation) const {
  if (is_io(operation.kind)) return io_legal(operation);
  if (is_change(operation.kind)) return change_legal(operation);
  if (is_query(operation.kind)) return query_legal(operation);
  if (is_file_system(operation.kind)) return file_legal(operation);
  if (is_disk(operation.kind)) return disk_legal(operation);
  if (operation.kind == OperationKind::Signal) return signal_legal(operation);
  return one_of(RuleId::None, {0});
}

}  // namespace bioscope::spec
