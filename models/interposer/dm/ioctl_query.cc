// SPDX-License-Identifier: Apache-2.0
// DM_DEV_STATUS, DM_TABLE_STATUS, DM_TABLE_DEPS, DM_TARGET_MSG, DM_DEV_WAIT.
#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

#include "models/interposer/dm/device_mapper.h"

namespace bioscope::dm {

// __dev_status().
void DeviceMapper::describe(MappedDevice& device, DeviceInfo& out) {
  {
    const std::lock_guard guard(hash_lock_);
    const auto cell = find_cell(device);
    out.inactive_table = cell != cells_.end() && cell->second.inactive != nullptr;
    if (cell != cells_.end()) out.uuid = cell->second.uuid;
  }
  out.name = device.name();
  out.minor = device.minor();
  out.suspended = device.suspended();
  out.deferred_remove = device.deferred_remove();
  out.open_count = device.open_count();
  out.event_nr = device.event_nr();
  out.interposing = device.interposed() != nullptr;
  const MappedDevice::LiveTable live(device);
  out.live_table = live.get() != nullptr;
  if (!out.live_table) return;
  out.read_only = device.disk().whole().read_only();
  out.target_count = static_cast<u32>(live.get()->targets().size());
}

int DeviceMapper::info(const DeviceId& id, DeviceInfo& out) {
  int error = 0;
  const std::shared_ptr<MappedDevice> device = find(id, error);
  if (device == nullptr) return error;
  describe(*device, out);
  return 0;
}

// The live table stays as long as a target takes to answer, so a swap may have to wait (R56).
int DeviceMapper::status(const DeviceId& id, StatusType type, const IoctlFlags&,
                         std::vector<TargetStatus>& out) {
  int error = 0;
  const std::shared_ptr<MappedDevice> device = find(id, error);
  if (device == nullptr) return error;
  out.clear();
  const MappedDevice::LiveTable live(*device);
  if (live.get() == nullptr) return 0;
  for (const auto& target : live.get()->targets()) {
    out.push_back({target->begin_sector, target->count_sectors, std::string(target->type.name),
                   target->status(type)});
  }
  return 0;
}

int DeviceMapper::deps(const DeviceId& id, std::vector<std::string>& names) {
  int error = 0;
  const std::shared_ptr<MappedDevice> device = find(id, error);
  if (device == nullptr) return error;
  names.clear();
  const MappedDevice::LiveTable live(*device);
  if (live.get() == nullptr) return 0;
  for (const auto& [path, below] : live.get()->devices()) names.push_back(below->bdev->name());
  std::ranges::sort(names);
  const auto doubled = std::ranges::unique(names);
  names.erase(doubled.begin(), doubled.end());
  return 0;
}

// target_message(), message_for_md().
int DeviceMapper::message(const DeviceId& id, u64 sector, std::vector<std::string> words,
                          std::string& reply) {
  int error = 0;
  const std::shared_ptr<MappedDevice> device = find(id, error);
  if (device == nullptr) return error;
  if (words.empty()) return EINVAL;
  if (words.front().starts_with('@')) {
    const bool cancels = words.size() == 1 && words.front() == "@cancel_deferred_remove";
    return cancels ? device->cancel_deferred_remove() : EINVAL;
  }
  const MappedDevice::LiveTable live(*device);
  if (live.get() == nullptr) return EINVAL;
  if (device->deleting()) return ENXIO;
  Target* target = live.get()->find_target(sector);
  return target == nullptr ? EINVAL : target->message(words, reply);
}

int DeviceMapper::wait_event(const DeviceId& id, u32 event_nr, DeviceInfo& out) {
  int error = 0;
  const std::shared_ptr<MappedDevice> device = find(id, error);
  if (device == nullptr) return error;
  error = device->wait_event(event_nr);
  if (error == 0) describe(*device, out);
  return error;
}

}  // namespace bioscope::dm
