// SPDX-License-Identifier: Apache-2.0
// struct dm_table: an ordered list of targets that covers a mapped device without gaps (R29), the
// devices that they have opened, and the limits that follow from them. drivers/md/dm-table.c.
//
// Invariants:
//   B1  Targets adjoin: the first begins at 0, none is empty (R29).
//   B2  A device that a table names is open as long as the table is; exclusively, but for those
//       that it reaches below their interposer.
//   B3  An interposing table is one target that covers the interposed device from 0, to the sector.
// Made and shut down by one thread; read by all in between.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/interposer/dm/target.h"

namespace bioscope::dm {

inline constexpr std::string_view kInterposePrefix = "[interpose]";

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
  // Frees. REQUIRES: shut_down(), unless the run is stopped.
  ~Table();
  // dm_table_destroy(): waits for the targets' workers, destroys them, closes the devices.
  // REQUIRES: no bio is inside and nobody can find it any more.
  void shut_down();
  bool is_shut_down() const { return shut_down_; }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // dm_get_device(), for constructors. 0, or ENODEV EBUSY EINVAL ENXIO. The same path twice is one
  // DmDev, opened once. A `[interpose]` prefix, or the device that the table interposes: the
  // bypass, shared.
  int get_device(const std::string& path, DmDev*& device);

  MappedDevice& owner() const { return owner_; }
  DeviceMapper& device_mapper() const;
  u64 size_sectors() const { return targets_.empty() ? 0 : targets_.back()->end_sector(); }
  bool read_only() const { return read_only_; }
  const std::vector<std::unique_ptr<Target>>& targets() const { return targets_; }
  // dm_table_find_target(); null past the end.
  Target* find_target(u64 sector) const;
  const std::map<std::string, std::unique_ptr<DmDev>>& devices() const { return devices_; }
  const TargetType* immutable_type() const { return immutable_type_; }

  // dm_calculate_queue_limits() and dm_table_set_restrictions(). EINVAL: a target reaches past a
  // device below it, or lies across its logical blocks.
  [[nodiscard]] int calculate_limits(blk::QueueLimits& limits) const;

  // The original that bios are redirected from, null for a plain table.
  blk::BlockDevice* interposed() const { return interposed_; }
  // B3, as the original is now.
  bool covers_interposed() const;

  // The dm_table_*_targets functions, in order; an error of preresume stops (R40).
  void presuspend_targets();
  void presuspend_undo_targets();
  void postsuspend_targets();
  int preresume_targets();
  void resume_targets();
  void replaced_targets();

 private:
  Table(MappedDevice& owner, bool read_only, bool interposes)
      : owner_(owner), read_only_(read_only), interposes_(interposes) {}
  std::expected<void, ConstructError> add_target(const TargetLine& line);
  std::expected<void, ConstructError> complete() const;
  int find_prefixed(const std::vector<TargetLine>& lines);
  bool is_interposed(const std::string& name) const;

  MappedDevice& owner_;
  bool read_only_;
  bool interposes_;
  bool shut_down_ = false;
  std::string prefixed_;  // the device that a flagged table prefixes, if it does
  blk::BlockDevice* interposed_ = nullptr;
  const TargetType* immutable_type_ = nullptr;
  std::map<std::string, std::unique_ptr<DmDev>> devices_;  // by path; outlive the targets
  std::vector<std::unique_ptr<Target>> targets_;
};

}  // namespace bioscope::dm
