// SPDX-License-Identifier: Apache-2.0
// What stands below a device: interposers, tables and disks, and what they make of it.
#include <algorithm>

#include "models/spec/machine.h"

namespace bioscope::spec {

u64 Machine::size_least(DeviceId id) const {
  const Device& device = devices_[id];
  if (!device.mapped) return std::min(device.size_sectors, device.resizing_to);
  u64 size = device.live ? device.live->size_sectors : 0;
  if (device.resuming && device.incoming) size = std::min(size, device.incoming->size_sectors);
  return device.blurred ? 0 : size;
}

u64 Machine::size_most(DeviceId id) const {
  const Device& device = devices_[id];
  if (!device.mapped) {
    return device.resizing_to == kNoSize ? device.size_sectors
                                         : std::max(device.size_sectors, device.resizing_to);
  }
  u64 size = device.live ? device.live->size_sectors : 0;
  for (const Table* table : possible_tables(device)) size = std::max(size, table->size_sectors);
  return size;
}

bool Machine::may_be_interposed(const Device& device) const {
  return device.interposer != kNone || device.attaching != kNone || device.lingering_table;
}

// Calls visit(device, below) for what I/O to the device may reach next, until one says true.
template <typename Visit>
bool Machine::any_next(DeviceId id, bool below, Visit visit) const {
  const Device& device = devices_[id];
  const auto any_of = [&](const Table& table) {
    for (const Target& target : table.targets) {
      for (const TargetDevice& next : target.devices) {
        if (next.device != kNone && visit(next.device, next.below)) return true;
      }
    }
    return false;
  };
  if (!below && may_be_interposed(device)) {
    const DeviceId by = device.interposer != kNone ? device.interposer : device.attaching;
    if (by != kNone && visit(by, false)) return true;
    if (device.lingering_table && any_of(*device.lingering_table)) return true;
  }
  if (device.whole != kNone) return visit(device.whole, false);
  if (!device.mapped) return false;
  return std::ranges::any_of(possible_tables(device),
                             [&](const Table* table) { return any_of(*table); });
}

bool Machine::stack_has(DeviceId upper, DeviceId lower, bool below, u32 depth) const {
  if (upper == lower) return true;
  if (upper == kNone || lower == kNone || depth > kMaxDepth) return false;
  return any_next(upper, below, [&](DeviceId next, bool next_below) {
    return stack_has(next, lower, next_below, depth + 1);
  });
}

bool Machine::stack_suspended(DeviceId upper, bool below, u32 depth) const {
  if (upper == kNone || depth > kMaxDepth) return false;
  const Device& device = devices_[upper];
  if (device.suspended || device.suspending || device.blurred) return true;
  if (device.mapped && cow_suspended(upper, depth)) return true;
  return any_next(upper, below, [&](DeviceId next, bool next_below) {
    return stack_suspended(next, next_below, depth + 1);
  });
}

// R67: an origin write waits for the COW devices of the origin's snapshots.
bool Machine::cow_suspended(DeviceId origin_device, u32 depth) const {
  for (const Table* table : possible_tables(devices_[origin_device])) {
    for (const Target& target : table->targets) {
      if (target.type != TargetType::SnapshotOrigin && target.type != TargetType::SnapshotMerge) {
        continue;
      }
      for (const SnapStore& store : stores_) {
        if (store.active && store.origin == target.devices[0].device &&
            stack_suspended(store.cow, store.cow_below, depth + 1)) {
          return true;
        }
      }
    }
  }
  return false;
}

// A delay target gives I/O back in its own time, which may lie behind the end of the run.
bool Machine::stack_delays(DeviceId upper, bool below, u32 depth) const {
  if (upper == kNone || depth > kMaxDepth) return false;
  for (const Table* table : possible_tables(devices_[upper])) {
    const auto delays = [](const Target& target) { return target.type == TargetType::Delay; };
    if (std::ranges::any_of(table->targets, delays)) return true;
  }
  return any_next(upper, below, [&](DeviceId next, bool next_below) {
    return stack_delays(next, next_below, depth + 1);
  });
}

// R50: a flakey target that is down, or may be, takes flushes too.
bool Machine::stack_flakes(DeviceId upper, bool below, u32 depth) const {
  if (upper == kNone || depth > kMaxDepth) return false;
  for (const Table* table : possible_tables(devices_[upper])) {
    const auto flakes = [](const Target& target) { return target.down_seconds > 0; };
    if (std::ranges::any_of(table->targets, flakes)) return true;
  }
  return any_next(upper, below, [&](DeviceId next, bool next_below) {
    return stack_flakes(next, next_below, depth + 1);
  });
}

// Where a device's first sector lies, whether it is suspended or not.
std::optional<Place> Machine::place_of(DeviceId id, bool below) const {
  u64 sector = 0;
  const auto enter = [&](const TargetDevice& next, u64 at) {
    id = next.device;
    below = next.below;
    sector = at;
  };
  for (u32 depth = 0; depth <= kMaxDepth; ++depth) {
    const Device& device = devices_[id];
    if (!below && device.interposer != kNone) {
      id = device.interposer;
      continue;
    }
    if (device.gone) return std::nullopt;
    if (device.whole != kNone) {
      enter({.device = device.whole}, sector + device.start_sector);
      continue;
    }
    if (!device.mapped) return Place{device.volume, sector};
    const TablePtr& table = device.live ? device.live : device.inactive;
    if (!table || table->targets.empty() || device.blurred || !table->unsupported.empty()) {
      return std::nullopt;
    }
    const auto target = std::ranges::upper_bound(table->targets, sector, {}, &Target::end_sector);
    if (target == table->targets.end()) return std::nullopt;
    const u64 offset = sector - target->begin_sector;
    switch (target->type) {
      case TargetType::Zero:
      case TargetType::Error:
        return std::nullopt;
      case TargetType::Striped: {
        const StripePlace place = stripe_of(*target, offset);
        enter(target->devices[place.stripe], place.sector);
        break;
      }
      case TargetType::Era:
        enter(target->devices[1], offset);
        break;
      case TargetType::SnapshotOrigin:
      case TargetType::SnapshotMerge:
      case TargetType::LogWrites:
        enter(target->devices[0], sector);
        break;
      case TargetType::Snapshot:
        if (stores_[target->store].view == kNone) return std::nullopt;
        return Place{stores_[target->store].view, sector};
      default:
        enter(target->devices[0], target->devices[0].start_sector + offset);
    }
  }
  return std::nullopt;
}

u64 Machine::logical_block_sectors(DeviceId id, u32 depth) const {
  if (!blocks_differ_ || id == kNone || depth > kMaxDepth) return 1;
  const Device& device = devices_[id];
  if (!device.mapped) {
    return std::max<u64>(1, program_->trace.disks[device.disk].logical_block_bytes / kSectorBytes);
  }
  u64 most = 1;
  for (const Table* table : possible_tables(device)) {
    for (const Target& target : table->targets) {
      for (const TargetDevice& below : target.devices) {
        most = std::max(most, logical_block_sectors(below.device, depth + 1));
      }
    }
  }
  return most;
}

// The target that a finding on the device is about: the most telling one of its table.
TargetType Machine::telling_target(DeviceId id) const {
  TargetType telling = TargetType::Linear;
  if (id == kNone) return telling;
  const Device& device = devices_[id];
  for (const TablePtr& table : {device.inactive, device.live}) {
    if (!table) continue;
    for (const Target& target : table->targets) telling = std::max(telling, target.type);
  }
  return telling;
}

std::string Machine::target_name(DeviceId id) const {
  if (id != kNone && devices_[id].interposer != kNone) return target_name(devices_[id].interposer);
  if (id != kNone && devices_[id].whole != kNone) return target_name(devices_[id].whole);
  if (id == kNone || !devices_[id].mapped) return "";
  if (!devices_[id].live && !devices_[id].inactive) return "";
  return std::string(name_of(telling_target(id)));
}

}  // namespace bioscope::spec
