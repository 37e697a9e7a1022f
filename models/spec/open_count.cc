// SPDX-License-Identifier: Apache-2.0
// How often a device may be open: what R34 judges. An operation holds what it opened between its
// invoke and its return and no longer, so the counts of a remove or an info are those of every
// moment while it is pending.
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

// Programs like mkfs open a device more than once at a time.
constexpr u64 kOpensOfAProgram = 8;

u64 count_uses(const Table& table, DeviceId id) {
  u64 uses = 0;
  for (const Target& target : table.targets) {
    for (const TargetDevice& below : target.devices) uses += below.device == id ? 1 : 0;
  }
  return uses;
}

}  // namespace

bool Machine::tables_name(DeviceId upper, DeviceId id) const {
  const Device& device = devices_[upper];
  for (const TablePtr& table : {device.live, device.inactive, device.incoming}) {
    if (table && count_uses(*table, id) > 0) return true;
  }
  return std::ranges::any_of(device.past,
                             [&](const TablePtr& table) { return count_uses(*table, id) > 0; });
}

// With nothing pending. The tables of one device share what they open in the same mode: for
// writing, or only for reading.
OpenCounts Machine::settled_opens(DeviceId id) const {
  const Device& device = devices_[id];
  const u64 by_others = device.opens - std::min(device.opens, device.claims);
  OpenCounts counts{by_others, by_others};
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const Device& upper = devices_[i];
    if (!upper.exists) continue;
    if (upper.blurred) {  // which of its tables it has is not known
      if (tables_name(static_cast<DeviceId>(i), id)) counts.most += 2;
      continue;
    }
    u64 uses = 0;
    for (const TablePtr& table : {upper.live, upper.inactive}) {
      if (table) uses += count_uses(*table, id);
    }
    counts.least += std::min<u64>(uses, 1);
    counts.most += std::min<u64>(uses, 2);
  }
  return counts;
}

void Machine::count_pending(const Operation& raw, DeviceId id, OpenCounts& counts) const {
  const Plain plain = as_plain(raw);
  const Operation& operation = *plain.operation;
  const Device& device = devices_[id];
  // What was invoked before a rename has the old name.
  const bool renamed = !device.former_name.empty();
  const bool here =
      operation.device == device.name || (renamed && operation.device == device.former_name);
  switch (operation.kind) {
    case OperationKind::Read:
    case OperationKind::Write:
    case OperationKind::Flush:
    case OperationKind::Discard:
    case OperationKind::WriteZeroes:
    case OperationKind::SecureErase:
    case OperationKind::Bio:
    case OperationKind::Open:
      if (here) ++counts.most;
      return;
    case OperationKind::Close:
      if (here && counts.least > 0) --counts.least;
      return;
    case OperationKind::SetReadOnly:
    case OperationKind::Mkfs:
    case OperationKind::Mount:
    case OperationKind::Fsck:
    case OperationKind::Freeze:
    case OperationKind::Thaw:
    case OperationKind::EraDump:
    case OperationKind::LogDump:
      if (here) counts.most += kOpensOfAProgram;
      return;
    case OperationKind::Umount: {
      const u32 mounted = find_mount(operation.device);
      if (mounted != kNone && mounts_[mounted].device == id && counts.least > 0) --counts.least;
      return;
    }
    case OperationKind::Load:
    case OperationKind::Clear:
    case OperationKind::Resume:
    case OperationKind::Remove:
    case OperationKind::Ioctl: {
      if (operation.kind == OperationKind::Remove && here) return;  // the one that asks
      const DeviceId upper = find_device(operation.device);
      const bool concerns =
          operation.text.find(device.name) != std::string::npos ||
          (renamed && operation.text.find(device.former_name) != std::string::npos) ||
          (upper != kNone && tables_name(upper, id));
      if (!concerns) return;
      const u64 by_tables = std::min<u64>(counts.least, device.claims);
      counts.least -= by_tables;
      counts.most += kOpensOfAProgram;
      return;
    }
    default:
      return;
  }
}

OpenCounts Machine::open_counts(DeviceId id) const {
  const Device& device = devices_[id];
  OpenCounts counts = settled_opens(id);
  // A bare freeze may hold the device; what a deferred remove held goes in the kernel's own time.
  counts.most += static_cast<u64>(device.bare_freezes) + device.lingering;
  for (const OperationId other : under_way_) count_pending(operation(other), id, counts);
  return counts;
}

// After each event: what it made possible for the removes and infos that are pending.
void Machine::widen_open_counts() {
  for (PendingChange& change : pending_changes_) {
    if (change.removes) change.legal.errors.add(change_legal(operation(change.id)).errors);
  }
  for (PendingInfo& info : pending_infos_) {
    const DeviceId id = find_device(operation(info.id).device);
    if (id != kNone) info.counts.widen(open_counts(id));
  }
}

}  // namespace bioscope::spec
