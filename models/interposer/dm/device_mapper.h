// SPDX-License-Identifier: Apache-2.0
// dm-ioctl: mapped devices by name, and one function for each ioctl with the kernel's errnos
// (R26-R34). Thread-safe: ioctls on different devices run side by side.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/interposer/block/system.h"
#include "models/interposer/dm/mapped_device.h"
#include "models/interposer/dm/table.h"
#include "models/runtime/workqueue.h"

namespace bioscope::dm {

// DM_*_FLAG of struct dm_ioctl.
struct IoctlFlags {
  bool read_only = false;
  bool no_flush = false;     // DM_NOFLUSH_FLAG
  bool skip_lockfs = false;  // DM_SKIP_LOCKFS_FLAG
  bool interpose = false;    // DM_INTERPOSE_FLAG
  bool deferred = false;     // DM_DEFERRED_REMOVE
};

// Who is meant: by name, by uuid, or by device number; find() of more than one kind is EINVAL or
// ENXIO as in __find_device_hash_cell.
struct DeviceId {
  std::string name;
  std::string uuid;
  i64 minor = -1;
};

// DM_DEV_STATUS.
struct DeviceInfo {
  bool suspended = false;
  bool live_table = false;
  bool inactive_table = false;
  u32 open_count = 0;
  u32 target_count = 0;
  bool read_only = false;
  bool deferred_remove = false;
  bool interposing = false;
  u32 event_nr = 0;
  i64 minor = 0;
  std::string name;
  std::string uuid;
};

struct TargetStatus {
  u64 begin_sector = 0;
  u64 count_sectors = 0;
  std::string type;
  std::string text;  // what the target says
};

class DeviceMapper {
 public:
  explicit DeviceMapper(blk::System& system);
  // Removes what is left, whatever its state (dm_hash_remove_all). REQUIRES: nobody is inside.
  ~DeviceMapper();

  // Each returns 0 or a positive errno.
  int create(const std::string& name, const std::string& uuid, i64 minor);
  int load(const DeviceId& id, const std::vector<TargetLine>& lines, const IoctlFlags& flags,
           std::string& why);
  int clear(const DeviceId& id);
  int suspend(const DeviceId& id, const IoctlFlags& flags);
  int resume(const DeviceId& id, const IoctlFlags& flags);
  int remove(const DeviceId& id, const IoctlFlags& flags);
  int rename(const DeviceId& id, const std::string& new_name);
  int set_uuid(const DeviceId& id, const std::string& uuid);
  int message(const DeviceId& id, u64 sector, std::vector<std::string> words, std::string& reply);
  int status(const DeviceId& id, StatusType type, const IoctlFlags& flags,
             std::vector<TargetStatus>& out);
  int deps(const DeviceId& id, std::vector<std::string>& names);
  int info(const DeviceId& id, DeviceInfo& out);
  // dm_wait_event(): waits until the device's event number is above `event_nr`; EINTR by a signal.
  int wait_event(const DeviceId& id, u32 event_nr, DeviceInfo& out);

  std::vector<std::string> names();

  blk::System& system() { return system_; }
  // A module's state, made at the first call for its type (module_init).
  template <typename T>
  T& module(const TargetType& type) {
    return static_cast<T&>(module_state(type));
  }

 private:
  Module& module_state(const TargetType& type);
  std::shared_ptr<MappedDevice> find(const DeviceId& id, int& error);

  blk::System& system_;
  rt::Mutex hash_lock_{"_hash_lock"};
  std::map<std::string, std::shared_ptr<MappedDevice>> by_name_;
  rt::Mutex module_lock_{"modules"};
  std::map<std::string_view, std::unique_ptr<Module>> modules_;
};

}  // namespace bioscope::dm
