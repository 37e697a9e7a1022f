// SPDX-License-Identifier: Apache-2.0
// DM_DEV_CREATE, DM_TABLE_LOAD, DM_TABLE_CLEAR, DM_DEV_RENAME.
#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

#include "models/interposer/dm/device_mapper.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {
namespace {

constexpr std::size_t kMaxNameBytes = 127;  // DM_NAME_LEN - 1
constexpr std::size_t kMaxUuidBytes = 128;  // DM_UUID_LEN - 1
constexpr i64 kMinors = 1 << 20;

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name.find('/') == std::string::npos;
}

}  // namespace

int DeviceMapper::create(const std::string& name, const std::string& uuid, i64 minor) {
  if (!is_name(name) || uuid.size() > kMaxUuidBytes || minor >= kMinors) return EINVAL;
  const std::lock_guard guard(hash_lock_);
  const auto minor_used = [this](i64 wanted) {
    return std::ranges::any_of(
        cells_, [wanted](const auto& each) { return each.second.device->minor() == wanted; });
  };
  if (minor >= 0 && minor_used(minor)) return ENXIO;
  if (minor < 0) {
    for (minor = 0; minor_used(minor);) ++minor;
  }
  const bool uuid_used = !uuid.empty() && std::ranges::any_of(cells_, [&uuid](const auto& each) {
    return each.second.uuid == uuid;
  });
  if (uuid_used || cells_.contains(name)) return EBUSY;
  cells_.emplace(name, Cell{std::make_shared<MappedDevice>(*this, name, minor), uuid, nullptr});
  return 0;
}

// The first load makes a disk of it (dm_setup_md_queue); later ones are measured when they are
// resumed (R32).
int DeviceMapper::load(const DeviceId& id, const std::vector<TargetLine>& lines,
                       const IoctlFlags& flags, std::string& why) {
  int error = 0;
  const std::shared_ptr<MappedDevice> device = find(id, error);
  if (device == nullptr) return error;
  std::unique_ptr<Table> table;
  {
    const std::lock_guard guard(device->type_lock());
    auto made = Table::create(*device, lines, flags.read_only, flags.interpose);
    if (!made) {
      why = made.error().message;
      return made.error().error;
    }
    table = std::move(*made);
    const TargetType* immutable = device->immutable_type();
    if (immutable != nullptr && immutable != table->immutable_type()) {
      why = "an immutable target type is not replaced";
      error = EINVAL;
    } else if (!device->disk_added()) {
      blk::QueueLimits limits;
      error = table->calculate_limits(limits);
      if (error == 0) error = device->add_disk(limits);
      if (error != 0) why = "the disk cannot be set up";
    }
  }
  std::unique_ptr<Table> dropped;
  if (error == 0) {
    const std::lock_guard guard(hash_lock_);
    const auto cell = find_cell(*device);
    if (cell == cells_.end() || device->deleting()) {
      error = ENXIO;
    } else if (planted(Defect::LoadKeepsInactive) && cell->second.inactive != nullptr) {
      dropped = std::move(table);
    } else {
      dropped = std::exchange(cell->second.inactive, std::move(table));
    }
  }
  destroy(std::move(dropped));
  destroy(std::move(table));
  return error;
}

int DeviceMapper::clear(const DeviceId& id) {
  int error = 0;
  std::unique_ptr<Table> dropped;
  {
    const std::lock_guard guard(hash_lock_);
    const auto cell = find_cell(id, error);
    if (cell == cells_.end()) return error;
    if (!planted(Defect::ClearKeepsInactive)) dropped = std::move(cell->second.inactive);
  }
  destroy(std::move(dropped));
  return 0;
}

// dm_hash_rename(): whether the new name is free is asked first.
int DeviceMapper::rename(const DeviceId& id, const std::string& new_name) {
  if (!is_name(new_name)) return EINVAL;
  int error = 0;
  const std::lock_guard guard(hash_lock_);
  if (cells_.contains(new_name)) return EBUSY;
  const auto cell = find_cell(id, error);
  if (cell == cells_.end()) return error;
  const std::shared_ptr<MappedDevice> device = cell->second.device;
  if (planted(Defect::RenameForgotten)) return 0;
  error = device->rename(new_name);
  if (error != 0) return error;
  auto node = cells_.extract(cell);
  node.key() = new_name;
  cells_.insert(std::move(node));
  device->event();
  return 0;
}

int DeviceMapper::set_uuid(const DeviceId& id, const std::string& uuid) {
  if (uuid.empty() || uuid.size() > kMaxUuidBytes) return EINVAL;
  int error = 0;
  const std::lock_guard guard(hash_lock_);
  const bool used =
      std::ranges::any_of(cells_, [&uuid](const auto& each) { return each.second.uuid == uuid; });
  if (used) return EBUSY;
  const auto cell = find_cell(id, error);
  if (cell == cells_.end()) return error;
  if (!cell->second.uuid.empty()) return EINVAL;
  cell->second.uuid = uuid;
  cell->second.device->event();
  return 0;
}

}  // namespace bioscope::dm
