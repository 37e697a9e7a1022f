// SPDX-License-Identifier: Apache-2.0
// DM_DEV_SUSPEND in both directions, DM_DEV_REMOVE and what removes besides it.
#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

#include "models/interposer/dm/device_mapper.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {
namespace {

SuspendFlags suspend_flags(const IoctlFlags& flags) {
  return {.lockfs = !flags.skip_lockfs, .no_flush = flags.no_flush};
}

}  // namespace

int DeviceMapper::suspend(const DeviceId& id, const IoctlFlags& flags) {
  int error = 0;
  const std::shared_ptr<MappedDevice> device = find(id, error);
  if (device == nullptr) return error;
  return device->suspended() ? 0 : device->suspend(suspend_flags(flags));  // R31
}

// do_resume(). R32.
int DeviceMapper::resume(const DeviceId& id, const IoctlFlags& flags) {
  int error = 0;
  std::shared_ptr<MappedDevice> device;
  std::unique_ptr<Table> incoming;
  {
    const std::lock_guard guard(hash_lock_);
    const auto cell = find_cell(id, error);
    if (cell == cells_.end()) return error;
    device = cell->second.device;
    incoming = std::move(cell->second.inactive);
  }
  const auto put_back = [&] {
    const std::lock_guard guard(hash_lock_);
    const auto cell = find_cell(*device);
    const bool free = cell != cells_.end() && cell->second.inactive == nullptr;
    if (free) cell->second.inactive = std::move(incoming);
    return free;
  };

  std::unique_ptr<Table> old;
  if (incoming != nullptr) {
    if (!device->suspended() && !planted(Defect::SwapWhileLive)) {
      error = device->suspend(suspend_flags(flags));
      if (error != 0) {
        if (planted(Defect::InactiveLost) || !put_back()) {
          destroy(std::move(incoming));
          if (!planted(Defect::InactiveLost)) error = ENXIO;
        }
        return error;
      }
    }
    auto swapped = device->swap_table(incoming);
    if (!swapped) {
      if (planted(Defect::FailedSwapKeepsTable)) (void)put_back();
      destroy(std::move(incoming));
      return swapped.error();
    }
    old = std::move(*swapped);
  }
  if (device->suspended()) error = device->resume();
  destroy(std::move(old));
  return error;
}

// dev_remove(). A device that cannot be had for deletion is left as it is (P8).
int DeviceMapper::remove(const DeviceId& id, const IoctlFlags& flags) {
  int error = 0;
  const std::shared_ptr<MappedDevice> device = find(id, error);
  if (device == nullptr) return error;
  error = device->lock_for_deletion(flags.deferred, false);
  if (error == EBUSY && flags.deferred) return 0;  // R34
  return error != 0 ? error : finish_removal(device, true);
}

int DeviceMapper::finish_removal(const std::shared_ptr<MappedDevice>& device, bool wait) {
  if (const int error = device->shut_down(wait); error != 0) {
    device->unlock_deletion();
    return error;
  }
  std::unique_ptr<Table> inactive;
  {
    const std::lock_guard guard(hash_lock_);
    const auto cell = find_cell(*device);
    inactive = std::move(cell->second.inactive);
    cells_.erase(cell);
#ifdef BIOSCOPE_VARIANTS
    destroyed_devices_.push_back(device);
#endif
  }
  destroy(std::move(inactive));
  device->event();  // whoever waits for one has waited for nothing
  return 0;
}

// Removes one device that nobody has open; only_deferred: and that was to go. False: there is none.
bool DeviceMapper::remove_one(bool only_deferred) {
  std::vector<std::shared_ptr<MappedDevice>> devices;
  {
    const std::lock_guard guard(hash_lock_);
    for (const auto& [name, cell] : cells_) devices.push_back(cell.device);
  }
  return std::ranges::any_of(devices, [&](const std::shared_ptr<MappedDevice>& device) {
    return device->lock_for_deletion(false, only_deferred) == 0 &&
           finish_removal(device, true) == 0;
  });
}

// Devices may stand on each other: those that nobody uses go first, until there is none; then
// whatever is left.
void DeviceMapper::remove_all() {
  do {
    if (deferred_remove_wq_ != nullptr) deferred_remove_wq_->drain();
  } while (remove_one(false));
  while (!cells_.empty()) (void)finish_removal(cells_.begin()->second.device, false);
}

void DeviceMapper::remove_deferred_later() {
  const std::lock_guard guard(hash_lock_);
  if (deferred_remove_wq_ == nullptr) {
    deferred_remove_wq_ = std::make_unique<rt::Workqueue>("kdmremove", rt::kOrdered);
  }
  deferred_remove_wq_->queue(deferred_remove_work_);
}

}  // namespace bioscope::dm
