// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/dm/device_mapper.h"

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "models/interposer/variants.h"
#include "models/runtime/run.h"

namespace bioscope::dm {

DeviceMapper::DeviceMapper(blk::System& system)
    : system_(system), deferred_remove_work_([this] {
        while (remove_one(true)) {
        }
      }) {}

DeviceMapper::~DeviceMapper() noexcept(false) {
  if (!rt::stopping()) remove_all();
}

const TargetType* DeviceMapper::find_type(std::string_view name) const {
  const auto found = std::ranges::find(registered_, name, &TargetType::name);
  return found != registered_.end() ? *found : find_target_type(name);
}

Module& DeviceMapper::module_state(const TargetType& type) {
  const std::lock_guard guard(module_lock_);
  std::unique_ptr<Module>& state = modules_[type.name];
  if (state == nullptr) state = type.init_module(*this);
  return *state;
}

void DeviceMapper::destroy(std::unique_ptr<Table> table) {
  if (table == nullptr) return;
  table->shut_down();
#ifdef BIOSCOPE_VARIANTS
  destroyed_tables_.push_back(std::move(table));
#endif
}

// __find_device_hash_cell(), with what validate_params() refuses before.
DeviceMapper::Cells::iterator DeviceMapper::find_cell(const DeviceId& id, int& error) {
  error = ENXIO;
  if (!id.name.empty() && !id.uuid.empty()) error = EINVAL;
  const int kinds =
      static_cast<int>(!id.name.empty()) + static_cast<int>(!id.uuid.empty()) + (id.minor >= 0);
  if (kinds != 1) return cells_.end();
  auto cell = cells_.end();
  if (!id.name.empty()) {
    cell = cells_.find(id.name);
  } else {
    cell = std::ranges::find_if(cells_, [&id](const auto& each) {
      return id.uuid.empty() ? each.second.device->minor() == id.minor
                             : each.second.uuid == id.uuid;
    });
  }
  if (cell != cells_.end()) error = 0;
  return cell;
}

DeviceMapper::Cells::iterator DeviceMapper::find_cell(const MappedDevice& device) {
  return std::ranges::find_if(
      cells_, [&device](const auto& each) { return each.second.device.get() == &device; });
}

std::shared_ptr<MappedDevice> DeviceMapper::find(const DeviceId& id, int& error) {
  const std::lock_guard guard(hash_lock_);
  const auto cell = find_cell(id, error);
  return cell == cells_.end() ? nullptr : cell->second.device;
}

std::vector<std::string> DeviceMapper::names() {
  const std::lock_guard guard(hash_lock_);
  std::vector<std::string> names;
  for (const auto& [name, cell] : cells_) names.push_back(name);
  return names;
}

}  // namespace bioscope::dm
