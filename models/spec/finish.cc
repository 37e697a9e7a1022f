// SPDX-License-Identifier: Apache-2.0
// The end of a history: operations that never returned though nothing held them, and what did not
// go back to what it was (P10).
#include <fmt/format.h>

#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {

bool Machine::touches_held_disk(DeviceId id) const {
  if (id == kNone) return false;
  for (std::size_t step = 0; step < held_steps_.size(); ++step) {
    if (!held_steps_[step]) continue;
    const auto& disks = program_->trace.disks;
    const auto named =
        std::ranges::find(disks, program_->trace.disk_script[step].disk, &Disk::name);
    const auto disk = static_cast<DeviceId>(named - disks.begin());
    if (disk == disks.size()) continue;
    if (stack_has(id, disk)) return true;
    for (const SnapStore& store : stores_) {
      if (!store.users.empty() && stack_has(id, store.origin) &&
          stack_has(store.cow, disk, store.cow_below)) {
        return true;
      }
    }
  }
  return false;
}

bool Machine::io_may_block(const PendingIo& pending) const {
  if (pending.device == kNone) return false;
  return stack_suspended(pending.device) || touches_held_disk(pending.device);
}

// May the operation wait for ever, as things stand?
bool Machine::may_block_for_ever(OperationId id) const {
  const Operation& operation = this->operation(id);
  for (const PendingIo& pending : pending_io_) {
    if (pending.id == id) return io_may_block(pending);
  }
  if (operation.kind == OperationKind::Wait || operation.kind == OperationKind::After) {
    return true;  // it waits for another, which is judged itself
  }
  const std::string name = operation.device.substr(0, operation.device.find('/'));
  const u32 mounted = find_mount(name);
  const DeviceId device =
      mounted != kNone ? mounts_[mounted].device : find_device(operation.device);
  if (device == kNone) return false;
  if (touches_held_disk(device)) return true;
  if (mounted != kNone) {
    return mounts_[mounted].freezes > 0 || stack_suspended(device) ||
           devices_[device].bare_freezes > 0;
  }
  const bool io_waits = std::ranges::any_of(pending_io_, [&](const PendingIo& pending) {
    return stack_has(pending.device, device) && io_may_block(pending) &&
           !(pending.device == device && devices_[device].suspending &&
             !touches_held_disk(device) && !devices_[device].suspended);
  });
  switch (operation.kind) {
    case OperationKind::Status:
    case OperationKind::Message:
    case OperationKind::Mount:
    case OperationKind::Umount:
    case OperationKind::Mkfs:
    case OperationKind::Fsck:
    case OperationKind::EraDump:
    case OperationKind::LogDump:
      return stack_suspended(device);  // R56
    case OperationKind::Load:
      // A constructor reads its devices.
      return std::ranges::any_of(devices_, [&](const Device& each) {
        return each.exists && operation.text.find(each.name) != std::string::npos &&
               stack_suspended(static_cast<DeviceId>(&each - devices_.data()));
      });
    case OperationKind::Suspend:
    case OperationKind::Remove:
      return io_waits;
    case OperationKind::Resume:
      return io_waits && !devices_[device].suspended;
    default:
      return false;
  }
}

// Operations that were handed over and never came back. True if one of them may wait for ever.
bool Machine::judge_unreturned(std::vector<Verdict>& verdicts) const {
  bool excused = false;
  for (OperationId id = 0; id < invoked_.size(); ++id) {
    if (invoked_[id] == 0 || returned_[id] != 0) continue;
    if (may_block_for_ever(id)) {
      excused = true;
      continue;
    }
    const Operation& operation = this->operation(id);
    const std::string name = operation.device.substr(0, operation.device.find('/'));
    const u32 mounted = find_mount(name);
    const DeviceId device =
        mounted != kNone ? mounts_[mounted].device : find_device(operation.device);
    const bool interposed = device != kNone && may_be_interposed(devices_[device]);
    Verdict verdict =
        violation(interposed ? property(6) : RuleId::None, target_name(device),
                  fmt::format("operation {} on {} never returned", id, operation.device));
    verdict.operation = id;
    verdicts.push_back(std::move(verdict));
  }
  return excused;
}

// A trace that is said to be over, of which something was never begun although nothing kept its
// lane from it.
void Machine::judge_uninvoked(std::vector<Verdict>& verdicts) const {
  OperationId id = 0;
  for (const Lane& lane : program_->trace.lanes) {
    const OperationId end = id + static_cast<OperationId>(lane.operations.size());
    bool lane_waits = false;
    for (; id < end && !lane_waits; ++id) {
      if (invoked_[id] == 0) {
        verdicts.push_back(not_judged(
            fmt::format("operation {} of lane {} was never begun, so what the run shows of the "
                        "trace is not all of it; play it again",
                        id, lane.name)));
        break;
      }
      lane_waits = returned_[id] == 0 && !operation(id).async;
    }
    id = end;
  }
}

std::vector<Verdict> Machine::finish(const History& history) {
  std::vector<Verdict> verdicts;
  if (history.end == HistoryEnd::Hung) {
    const bool excused = judge_unreturned(verdicts);
    if (verdicts.empty()) {
      verdicts.push_back(not_judged(
          excused ? "the run hung, and every operation that did not return may wait for ever"
                  : "the run hung without an operation that did not return"));
    }
    return verdicts;
  }
  if (history.end == HistoryEnd::Completed) {
    const bool delayed = std::ranges::any_of(pending_io_, [this](const PendingIo& pending) {
      return !io_may_block(pending) && stack_delays(pending.device);
    });
    if (delayed) {
      verdicts.push_back(not_judged(
          "the run ended while a delay target held I/O back; let the trace wait for that I/O"));
    } else {
      judge_unreturned(verdicts);
    }
    judge_uninvoked(verdicts);
  }
  for (const Leftover& leftover : history.leftovers) {
    if (leftover.before == leftover.after) continue;
    bool thawed = false;
    for (const Device& device : devices_) thawed = thawed || device.thawed_ever;
    const bool freeze = leftover.what.find("freeze") != std::string::npos ||
                        leftover.what.find("mount") != std::string::npos;
    verdicts.push_back(violation(
        freeze && thawed ? rule(24) : property(10), "",
        fmt::format("{}: {} before, {} after", leftover.what, leftover.before, leftover.after)));
  }
  exercised(property(10));
  return verdicts;
}

}  // namespace bioscope::spec
