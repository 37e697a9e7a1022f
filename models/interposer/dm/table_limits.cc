// SPDX-License-Identifier: Apache-2.0
// The limits of a table: what its targets and the devices below them let it offer.
#include <algorithm>
#include <cerrno>

#include "models/interposer/dm/table.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {
namespace {

using blk::QueueLimits;

// A part of a device below that a target uses, and the limits of that device now.
struct Used {
  u64 device_sectors = 0;
  u64 device_start_sector = 0;
  u64 start_sector = 0;
  u64 count_sectors = 0;
  QueueLimits limits;
};

struct TargetLimits {
  const Target* target = nullptr;
  std::vector<Used> devices;  // empty: it has none, or does not tell
  QueueLimits limits;

  template <typename Predicate>
  bool all(Predicate&& offers) const {
    return !devices.empty() &&
           std::ranges::all_of(devices, [&](const Used& used) { return offers(used.limits); });
  }
  template <typename Predicate>
  bool any(Predicate&& offers) const {
    return std::ranges::any_of(devices, [&](const Used& used) { return offers(used.limits); });
  }
};

TargetLimits limits_of(Target& target) {
  TargetLimits below;
  below.target = &target;
  (void)target.iterate_devices([&below](DmDev& device, u64 start_sector, u64 count_sectors) {
    below.devices.push_back({.device_sectors = device.bdev->nr_sectors(),
                             .device_start_sector = device.bdev->start_sector(),
                             .start_sector = start_sector,
                             .count_sectors = count_sectors,
                             .limits = device.bdev->queue().copy_limits()});
    return false;
  });
  below.limits = blk::stacking_limits();
  for (const Used& used : below.devices) {
    (void)blk::stack_limits(below.limits, used.limits,
                            used.device_start_sector + used.start_sector);
  }
  if (!below.devices.empty()) target.io_hints(below.limits);
  return below;
}

// device_area_is_invalid().
bool area_is_invalid(const Used& used, const QueueLimits& limits) {
  if (used.device_sectors == 0) return false;
  if (used.start_sector >= used.device_sectors) return true;
  if (used.count_sectors > used.device_sectors - used.start_sector) return true;
  const u64 block_sectors = limits.logical_block_bytes / kSectorBytes;
  return used.start_sector % block_sectors != 0 || used.count_sectors % block_sectors != 0;
}

// validate_hardware_logical_block_alignment(): whoever respects the table's block size must not be
// split, at the end of a target, to what the next one cannot take.
bool blocks_line_up(const std::vector<TargetLimits>& targets, u32 logical_block_bytes) {
  const u64 block_sectors = logical_block_bytes / kSectorBytes;
  u64 next_start = 0;  // of the next target, modulo the block
  u64 remaining = 0;   // of a block that began in the target before
  for (const TargetLimits& each : targets) {
    const u64 count_sectors = each.target->count_sectors;
    const u64 own_block = each.limits.logical_block_bytes / kSectorBytes;
    if (remaining < count_sectors && remaining % own_block != 0) return false;
    next_start = (next_start + count_sectors) % block_sectors;
    remaining = next_start != 0 ? block_sectors - next_start : 0;
  }
  return remaining == 0;
}

bool offers_discard(const TargetLimits& each) {
  if (each.target->num_discard_bios == 0) return false;
  return each.target->discards_supported ||
         each.all([](const QueueLimits& below) { return below.max_discard_sectors > 0; });
}

bool offers_secure_erase(const TargetLimits& each) {
  return each.target->num_secure_erase_bios > 0 &&
         each.all([](const QueueLimits& below) { return below.max_secure_erase_sectors > 0; });
}

bool offers_write_zeroes(const TargetLimits& each) {
  return each.target->num_write_zeroes_bios > 0 &&
         each.all([](const QueueLimits& below) { return below.max_write_zeroes_sectors > 0; });
}

bool offers_nowait(const TargetLimits& each) {
  return each.target->nowait_supported &&
         each.all([](const QueueLimits& below) { return below.nowait; });
}

// dm_table_supports_flush(): one device below is enough.
bool has_cache(const TargetLimits& each) {
  return each.target->num_flush_bios > 0 &&
         (each.target->flush_supported ||
          each.any([](const QueueLimits& below) { return below.write_cache; }));
}

bool offers_fua(const TargetLimits& each) {
  return each.target->num_flush_bios > 0 &&
         (each.target->flush_supported ||
          each.any([](const QueueLimits& below) { return below.fua; }));
}

}  // namespace

int Table::calculate_limits(QueueLimits& limits) const {
  limits = blk::stacking_limits();
  std::vector<TargetLimits> targets;
  targets.reserve(targets_.size());
  for (const auto& target : targets_) {
    const TargetLimits& below = targets.emplace_back(limits_of(*target));
    for (const Used& used : below.devices) {
      if (area_is_invalid(used, below.limits)) return EINVAL;
    }
    if (!planted(Defect::LimitsNotStacked)) (void)blk::stack_limits(limits, below.limits, 0);
  }
  if (!blocks_line_up(targets, limits.logical_block_bytes)) return EINVAL;
  limits.nowait = std::ranges::all_of(targets, offers_nowait);
  if (!std::ranges::all_of(targets, offers_discard)) {
    limits.max_discard_sectors = 0;
    limits.discard_granularity_bytes = 0;
    limits.discard_alignment_bytes = 0;
  }
  if (!std::ranges::all_of(targets, offers_secure_erase)) limits.max_secure_erase_sectors = 0;
  if (!std::ranges::all_of(targets, offers_write_zeroes)) limits.max_write_zeroes_sectors = 0;
  limits.write_cache = std::ranges::any_of(targets, has_cache);
  limits.fua = limits.write_cache && std::ranges::any_of(targets, offers_fua);
  return 0;
}

}  // namespace bioscope::dm
