// SPDX-License-Identifier: Apache-2.0
// The ioctls that change a mapped device, and open and close: which errors are legal, and what a
// success does. An operation takes effect somewhere between its invoke and its return; while it is
// pending I/O is mapped both ways (mapping.cc). Two changes of one device that overlap leave it
// blurred: nothing is judged about it until a load and a resume of their own.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

bool is_swap(OperationKind kind) {
  return kind == OperationKind::Suspend || kind == OperationKind::Resume ||
         kind == OperationKind::Load || kind == OperationKind::Clear ||
         kind == OperationKind::Create || kind == OperationKind::Remove ||
         kind == OperationKind::Rename;
}

}  // namespace

void Machine::invoke_change(OperationId id) {
  const Plain plain = as_plain(this->operation(id));
  const Operation& operation = *plain.operation;
  PendingChange pending;
  pending.id = id;
  pending.removes = operation.kind == OperationKind::Remove;
  pending.device = find_device(operation.device);
  if (is_swap(operation.kind)) {
    for (PendingChange& other : pending_changes_) {
      const Plain other_plain = as_plain(this->operation(other.id));
      const Operation& their = *other_plain.operation;
      const bool same_name = their.device == operation.device || their.word == operation.device ||
                             their.device == operation.word;
      if (!is_swap(their.kind) || !same_name) continue;
      other.overlapped = true;
      pending.overlapped = true;
    }
  }
  pending.legal = change_legal(this->operation(id), &pending.plan);
  pending.time_least_ms = time_least_ms_;
  if (pending.device != kNone && !devices_[pending.device].suspended) {  // R37
    pending.interruptible =
        operation.kind == OperationKind::Suspend ||
        (operation.kind == OperationKind::Resume && devices_[pending.device].inactive);
  }
  if (pending.device != kNone && is_swap(operation.kind)) {
    Device& device = devices_[pending.device];
    if (operation.kind == OperationKind::Remove || operation.kind == OperationKind::Rename) {
      ++device.pending_changes;
    }
    if (operation.kind == OperationKind::Suspend) {
      device.suspending = true;
    }
    if (operation.kind == OperationKind::Resume && !pending.overlapped) {
      device.resuming = true;
      device.incoming = device.inactive;
      expect_attach(pending.device);
      if (device.incoming) tables_changed(pending.device);
      release_deferred(pending.device);
      const TablePtr next = device.inactive ? device.inactive : device.live;
      if (next && (device.inactive || device.suspended)) {
        for (const Target& target : next->targets) {
          if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
            begin_snapshot(target);
          }
          expect_era(target);
        }
      }
    }
    if (operation.kind == OperationKind::Remove) {
      ++device.removes;
      expect_remove(pending.device);
    }
    if (pending.overlapped) blur(pending.device);
  }
  const bool rolls = operation.text == "checkpoint" || operation.text == "take_metadata_snap";
  if (operation.kind == OperationKind::Message && rolls && pending.device != kNone &&
      devices_[pending.device].live) {
    for (const Target& target : devices_[pending.device].live->targets) expect_era(target);
  }
  pending_changes_.push_back(std::move(pending));
}

Verdict Machine::complete_change(const Event& event) {
  const auto found = std::ranges::find(pending_changes_, event.operation, &PendingChange::id);
  if (found == pending_changes_.end()) return not_judged("a return without its invoke");
  PendingChange pending = std::move(*found);
  pending_changes_.erase(found);
  const Operation& raw = this->operation(event.operation);
  const Plain plain = as_plain(raw);
  const Operation& operation = *plain.operation;
  DeviceId id = pending.device;
  if (id == kNone && operation.kind != OperationKind::Create) {
    id = find_device(operation.device);
    if (id != kNone && is_swap(operation.kind)) pending.overlapped = true;
  }
  LegalSet legal = pending.legal;
  const bool settled = pending.device != kNone && is_swap(operation.kind);
  if (settled) {
    Device& device = devices_[id];
    if (operation.kind == OperationKind::Remove || operation.kind == OperationKind::Rename) {
      --device.pending_changes;
    }
    if (operation.kind == OperationKind::Remove && device.removes > 0) --device.removes;
    if (operation.kind == OperationKind::Suspend) device.suspending = false;
    if (operation.kind == OperationKind::Resume) device.resuming = false;
  }
  // What happened meanwhile may make other outcomes legal, and another table of the same load.
  const bool alone = now_ == invoked_[event.operation] + 1;
  if (!alone) legal.errors.add(change_legal(raw, &pending.plan).errors);
  const bool interrupted = pending.interruptible && event.error == EINTR;
  if (pending.interruptible && signalled_[event.operation]) {
    legal.rule = rule(37);
    allow(legal, {EINTR});
  }
  const bool blurred = id != kNone && devices_[id].blurred;
  const bool free = pending.overlapped || blurred || legal.errors.empty();
  Verdict verdict;
  if (!free && !legal.allows(event.error)) {
    verdict =
        violation(legal.rule, target_name(id),
                  "expected " + errors_text(legal.errors) + ", got " + error_text(event.error));
  } else if (!free) {
    exercised(legal.rule);
  }
  if (event.error == 0) {
    if (operation.kind == OperationKind::Ioctl) return verdict;
    resume_invoked_ = invoked_[event.operation];
    change_time_ms_ = pending.time_least_ms;
    if (id != kNone && is_swap(operation.kind)) devices_[id].interrupted = false;
    apply_change(operation, id, std::move(pending.plan));
  } else if (interrupted) {
    interrupted_change(id);
  } else if (operation.kind == OperationKind::Resume && id != kNone) {
    resume_failed(id);
  } else if (operation.kind == OperationKind::Remove && id != kNone && devices_[id].suspended &&
             devices_[id].interposes != kNone) {
    wait_again(id);
  }
  if (id != kNone && operation.kind == OperationKind::Resume) devices_[id].incoming = nullptr;
  if (pending.overlapped && id != kNone) blur(id);
  if (legal.errors.empty() && verdict.kind == VerdictKind::Legal) {
    return not_judged("the specification does not know what this operation may return");
  }
  return verdict;
}

}  // namespace bioscope::spec
