// SPDX-License-Identifier: Apache-2.0
// struct dm_table: an ordered list of targets that covers a mapped device without gaps (R29), the
// devices that they have opened, and the limits that follow from them.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/interposer/dm/target.h"

namespace bioscope::dm {

// What a table line says, already cut into words.
struct TargetLine {
  u64 begin_sector = 0;
  u64 count_sectors = 0;
  std::string type;
  std::vector<std::string> words;
};

class Table {
 public:
  // dm_table_create() .. dm_table_complete(). Opens the devices: EBUSY where one is claimed by
  // somebody else. `interpose`: the flag of the load; then exactly one device is the interposed one
  // (the prefixed one, or the only one), and the table is one target that covers it from 0
  // (EINVAL).
  static std::expected<std::unique_ptr<Table>, ConstructError> create(
      MappedDevice& owner, const std::vector<TargetLine>& lines, bool read_only, bool interpose);
  ~Table();  // dm_table_destroy(): destroys targets, closes devices
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // dm_get_device(), for constructors. 0, or ENODEV EBUSY EINVAL. The same path twice is one DmDev,
  // opened once. A `[interpose]` prefix, or the device that the table interposes: the bypass,
  // shared.
  int get_device(const std::string& path, DmDev*& device);

  MappedDevice& owner() const { return owner_; }
  DeviceMapper& device_mapper() const;
  u64 size_sectors() const { return size_sectors_; }
  bool read_only() const { return read_only_; }
  const std::vector<std::unique_ptr<Target>>& targets() const { return targets_; }
  // dm_table_find_target(); null past the end.
  Target* find_target(u64 sector) const;
  const blk::QueueLimits& limits() const { return limits_; }
  const std::map<std::string, std::unique_ptr<DmDev>>& devices() const { return devices_; }

  // The original that bios are redirected from, null for a plain table.
  blk::BlockDevice* interposed() const { return interposed_; }
  bool nowait_supported() const;

  // The dm_table_*_targets functions, in order; an error of preresume stops (R40).
  void presuspend_targets();
  void presuspend_undo_targets();
  void postsuspend_targets();
  int preresume_targets();
  void resume_targets();

 private:
  Table(MappedDevice& owner, bool read_only) : owner_(owner), read_only_(read_only) {}
  std::expected<void, ConstructError> add_target(const TargetLine& line);
  std::expected<void, ConstructError> complete();

  MappedDevice& owner_;
  bool read_only_;
  bool interposes_ = false;
  blk::BlockDevice* interposed_ = nullptr;
  u64 size_sectors_ = 0;
  std::map<std::string, std::unique_ptr<DmDev>> devices_;  // outlive the targets
  std::vector<std::unique_ptr<Target>> targets_;
  blk::QueueLimits limits_;
};

}  // namespace bioscope::dm
