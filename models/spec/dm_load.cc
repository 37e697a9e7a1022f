// SPDX-License-Identifier: Apache-2.0
// Tables: which a load takes, and the devices that they open and close.
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

constexpr std::initializer_list<int> kConstructorErrors = {EINVAL, ENXIO, ENODEV,
                                                           ENOENT, EBUSY, ENOTBLK};

}  // namespace

Plan Machine::plan_load(const Operation& operation, DeviceId id) const {
  Plan plan;
  auto table = std::make_shared<Table>();
  table->read_only = operation.flags.has(OperationFlag::ReadOnly);
  const auto lines = split_table(operation.text);
  constexpr std::size_t kMostTargets = 1048576;
  if (lines.empty()) {
    plan.legal = one_of(rule(29), {EINVAL});
    return plan;
  }
  if (lines.size() > kMostTargets) {
    plan.legal = one_of(rule(29), {EOVERFLOW});
    return plan;
  }
  RuleId refused = RuleId::None;
  int refused_with = 0;
  for (const TargetWords& words : lines) {
    if (words.size() < 3) {
      refused = rule(29);
      break;
    }
    Parsed parsed = parse_target(words);
    if (!parsed.unsupported.empty()) {
      table->unsupported = parsed.unsupported;
      plan.table = table;
      return plan;
    }
    // R29: each line begins where the one before ends, the first at 0.
    if (parsed.refused_by == RuleId::None && parsed.target.begin_sector != table->size_sectors) {
      parsed.refused_by = rule(29);
    }
    if (parsed.refused_by != RuleId::None) {
      refused = parsed.refused_by;
      refused_with = parsed.error;
      if (!devices_at_hand(parsed.target)) refused_with = 0;
      break;
    }
    table->size_sectors = parsed.target.end_sector();
    table->targets.push_back(std::move(parsed.target));
  }
  if (refused != RuleId::None) {
    plan.legal = one_of(refused, kConstructorErrors);
    if (refused_with != 0) plan.legal = one_of(refused, {refused_with});
    return plan;
  }
  plan.legal = one_of(rule(30), {0});
  for (Target& target : table->targets) {
    for (TargetDevice& below : target.devices) below.below = below.prefixed;
  }
  if (operation.flags.has(OperationFlag::Interpose)) plan_interposer(*table, plan.legal);
  plan_devices(*table, plan.legal);
  for (const Target& target : table->targets) {
    for (const TargetDevice& below : target.devices) {
      // 6.1 takes a table that maps a device to itself; what I/O does then is not described.
      if (below.device == id) table->unsupported = "the table maps the device to itself";
    }
  }
  plan.table = table;
  return plan;
}

// Nothing but what is written in a line refuses it: its devices are there and free.
bool Machine::devices_at_hand(const Target& target) const {
  return std::ranges::all_of(target.devices, [&](const TargetDevice& below) {
    if (below.prefixed || below.name.starts_with('[')) return true;
    const DeviceId id = find_device(below.name);
    return id != kNone && devices_[id].exists && !busy_for_tables(id) &&
           devices_[id].pending_changes == 0;
  });
}

// Devices must be there and, unless they are opened below their interposer, not be claimed by
// others; each type has rules of its own.
void Machine::plan_devices(Table& table, LegalSet& legal) const {
  const auto refuse_load = [&](RuleId rule) { legal = one_of(rule, kConstructorErrors); };
  for (Target& target : table.targets) {
    bool missing = false;
    for (TargetDevice& below : target.devices) {
      below.device = find_device(below.name);
      if (below.device == kNone || !devices_[below.device].exists) {
        if (!below.below) return refuse_load(rule(29));
        if (legal.allows(0)) legal = {};
        legal.rule = rule(29);
        allow(legal, {ENODEV});
        missing = true;
        continue;
      }
      const Device& device = devices_[below.device];
      if (!below.below && busy_for_tables(below.device)) {
        return refuse_load(rule(29));
      }
      if (device.pending_changes > 0 || device.deferred_remove) {
        allow(legal, kConstructorErrors);
      }
      if (device.read_only && !table.read_only) allow(legal, {EACCES, EROFS, EPERM});
    }
    if (missing) continue;
    const bool refused = !legal.allows(0);
    LegalSet by_type = legal;
    if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
      plan_snapshot(target, table, by_type);
    }
    if (target.type == TargetType::Era) plan_era(target, by_type);
    if (target.type == TargetType::LogWrites && any_fault(target.devices[1].device)) {
      allow(by_type, {EIO});
    }
    if (refused) {  // whoever looks first refuses it
      by_type.errors.remove(0);
      legal.errors.add(by_type.errors);
      continue;
    }
    legal = by_type;
    if (!legal.allows(0)) return;
  }
}

void Machine::acquire(const TablePtr& table) {
  for (const Target& target : table->targets) {
    for (const TargetDevice& below : target.devices) {
      if (below.device == kNone) continue;
      ++devices_[below.device].opens;
      if (!below.below) ++devices_[below.device].claims;
    }
  }
}

void Machine::release(DeviceId, const TablePtr& table) {
  if (!table) return;
  for (const Target& target : table->targets) {
    if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
      drop_snapshot(target);
    }
    if (target.type == TargetType::LogWrites) drop_log(target);
    for (const TargetDevice& below : target.devices) {
      if (below.device == kNone) continue;
      Device& device = devices_[below.device];
      --device.opens;
      if (!below.below) --device.claims;
      if (device.deferred_remove && device.opens == 0) remove_deferred(below.device);
    }
  }
}

void Machine::apply_load(const Operation& operation, DeviceId id, Plan plan) {
  if (!plan.table) plan = plan_load(operation, id);
  std::shared_ptr<Table> table = std::move(plan.table);
  if (table.use_count() > 1) table = std::make_shared<Table>(*table);  // a copy of us has it too
  if (!table) {
    table = std::make_shared<Table>();
    table->unsupported = "a table was taken that the specification does not understand";
  }
  for (Target& target : table->targets) {
    for (TargetDevice& below : target.devices) {
      if (below.device == 0 && !below.name.empty()) below.device = find_device(below.name);
      if (below.device == kNone) {
        table->unsupported = "a table was taken that names a device which is not there";
      }
    }
  }
  if (table->unsupported.empty()) {
    for (Target& target : table->targets) {
      if (target.type == TargetType::Snapshot || target.type == TargetType::SnapshotMerge) {
        target.instance = ++instances_;
        load_snapshot(target);
        stores_[target.store].users.push_back({target.instance, id, false});
      }
      if (target.type == TargetType::Era) load_era(target);
      target.made_least_ms = change_time_ms_;
      target.made_most_ms = time_most_ms_;
      if (target.type == TargetType::LogWrites) target.instance = ++instances_;
      load_log(target, id);
    }
  }
  const TablePtr loaded = table;
  acquire(loaded);
  Device& device = devices_[id];
  const TablePtr replaced = device.inactive;
  device.inactive = loaded;
  device.ever_loaded = true;
  device.past.push_back(loaded);
  release(id, replaced);
}

}  // namespace bioscope::spec
