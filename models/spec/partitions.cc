// SPDX-License-Identifier: Apache-2.0
// Partitions: a part of a disk as a device of its own, whose I/O is I/O to the disk (R2, R20).
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {
namespace {

struct Wanted {
  std::optional<Range> range;  // none: cannot be read
};

// "FIRST+COUNT,.."
std::vector<Wanted> parse_partitions(std::string_view text) {
  std::vector<Wanted> wanted;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view word = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    const std::size_t plus = word.find('+');
    Wanted one;
    if (plus != std::string_view::npos) {
      const auto first = parse_number(word.substr(0, plus));
      const auto count = parse_number(word.substr(plus + 1));
      if (first && count && *count > 0 && *first + *count > *first) one.range = {*first, *count};
    }
    wanted.push_back(one);
  }
  return wanted;
}

}  // namespace

// One ioctl a partition (BLKPG_ADD_PARTITION): the first that is refused ends the operation, those
// before it stay. `good`: how many are not refused for certain.
LegalSet Machine::partition_legal(const Operation& operation, DeviceId id,
                                  std::size_t& good) const {
  const Device& device = devices_[id];
  if (device.mapped || device.whole != kNone) return one_of(rule(2), {EINVAL});
  LegalSet legal;
  legal.rule = rule(2);
  if (device.read_only) allow(legal, {EACCES, EROFS, EPERM});
  const bool has_some = std::ranges::any_of(
      devices_, [&](const Device& part) { return part.exists && part.whole == id; });
  const auto wanted = parse_partitions(operation.text);
  if (wanted.empty()) allow(legal, {0, EINVAL});
  std::vector<Range> taken;
  const u64 block = logical_block_sectors(id);
  for (const Wanted& one : wanted) {
    const bool overlaps = one.range && std::ranges::any_of(taken, [&](const Range& other) {
                            return one.range->first_sector < other.end_sector() &&
                                   other.first_sector < one.range->end_sector();
                          });
    const bool misplaced =
        !one.range || one.range->first_sector % block != 0 || one.range->count_sectors % block != 0;
    if (has_some || overlaps) allow(legal, {EBUSY});
    if (misplaced) allow(legal, {EINVAL});
    if (has_some || overlaps || misplaced) return legal;
    if (one.range->end_sector() > size_least(id)) allow(legal, {EINVAL});  // a kernel takes it
    taken.push_back(*one.range);
    ++good;
  }
  allow(legal, {0});
  return legal;
}

void Machine::begin_partitions(PendingDisk& pending) {
  const Operation& operation = this->operation(pending.id);
  const auto wanted = parse_partitions(operation.text);
  partition_legal(operation, pending.device, pending.good);
  for (std::size_t i = 0; i < pending.good; ++i) {
    Device part;
    part.name = operation.device + "p" + std::to_string(i + 1);
    part.disk = devices_[pending.device].disk;
    part.whole = pending.device;
    part.start_sector = wanted[i].range->first_sector;
    part.size_sectors = wanted[i].range->count_sectors;
    part.pending_changes = 1;  // it may not be there yet
    pending.made.push_back(static_cast<DeviceId>(devices_.size()));
    devices_.push_back(std::move(part));
  }
}

void Machine::finish_partitions(const PendingDisk& pending, bool succeeded) {
  for (const DeviceId made : pending.made) {
    Device& part = devices_[made];
    part.pending_changes = 0;
    const bool fits = part.start_sector + part.size_sectors <= size_least(pending.device);
    if (succeeded || fits) continue;
    // The first that does not fit was refused, and so nothing behind it was tried.
    for (const DeviceId behind : pending.made) {
      if (behind >= made) devices_[behind].exists = false;
    }
    for (const DeviceId behind : pending.made) devices_[behind].pending_changes = 0;
    return;
  }
}

}  // namespace bioscope::spec
