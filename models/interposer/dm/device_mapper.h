// SPDX-License-Identifier: Apache-2.0
// dm-ioctl: mapped devices by name, and one function for each ioctl with the kernel's errnos
// (R26-R34). drivers/md/dm-ioctl.c. Thread-safe: ioctls on different devices run side by side.
//
// Invariants:
//   C1  A name, a uuid and a minor belong to one device at a time (R26), until it has been removed.
//   C2  A device has at most one inactive table; a load replaces it, a resume takes it (R30, R32).
//   C3  A device that is going away can be asked until it is gone, and then its name is free; it
//       is not changed any more (R34).
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

// Who is meant: by name, by uuid, or by device number. Both name and uuid: EINVAL; one of them and
// a number: ENXIO (R27).
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
  // remove_all(). Waits, so a stopped run may leave it by an exception: hold it by value.
  // REQUIRES: nobody is inside.
  ~DeviceMapper() noexcept(false);
  DeviceMapper(const DeviceMapper&) = delete;
  DeviceMapper& operator=(const DeviceMapper&) = delete;

  // --- ioctl_change.cc. Each ioctl returns 0 or a positive errno; an unknown device is ENXIO.
  // EINVAL: no name, or one with a '/'; ENXIO: the minor is in use; EBUSY: name or uuid is.
  // minor: -1 for any.
  int create(const std::string& name, const std::string& uuid, i64 minor);
  int load(const DeviceId& id, const std::vector<TargetLine>& lines, const IoctlFlags& flags,
           std::string& why);
  int clear(const DeviceId& id);
  int rename(const DeviceId& id, const std::string& new_name);
  int set_uuid(const DeviceId& id, const std::string& uuid);
  // --- ioctl_state.cc
  int suspend(const DeviceId& id, const IoctlFlags& flags);
  int resume(const DeviceId& id, const IoctlFlags& flags);
  int remove(const DeviceId& id, const IoctlFlags& flags);
  // dm_hash_remove_all(): whatever its state, upper ones first.
  void remove_all();
  // --- ioctl_query.cc
  int message(const DeviceId& id, u64 sector, std::vector<std::string> words, std::string& reply);
  int status(const DeviceId& id, StatusType type, const IoctlFlags& flags,
             std::vector<TargetStatus>& out);
  int deps(const DeviceId& id, std::vector<std::string>& names);
  int info(const DeviceId& id, DeviceInfo& out);
  // dm_wait_event(): waits until the device's event number is another than `event_nr`; EINTR by a
  // signal.
  int wait_event(const DeviceId& id, u32 event_nr, DeviceInfo& out);

  std::vector<std::string> names();

  blk::System& system() { return system_; }
  // dm_register_target(): besides those of targets/registry.cc. REQUIRES: outlives this; nobody
  // loads.
  void register_target(const TargetType& type) { registered_.push_back(&type); }
  const TargetType* find_type(std::string_view name) const;
  // A module's state, made at the first call for its type (module_init).
  template <typename T>
  T& module(const TargetType& type) {
    return static_cast<T&>(module_state(type));
  }

  // --- for the core
  // Shuts a table down and frees it.
  void destroy(std::unique_ptr<Table> table);
  void remove_deferred_later();  // dm_deferred_remove()

 private:
  // struct hash_cell.
  struct Cell {
    std::shared_ptr<MappedDevice> device;
    std::string uuid;
    std::unique_ptr<Table> inactive;
  };
  using Cells = std::map<std::string, Cell>;

  Module& module_state(const TargetType& type);
  Cells::iterator find_cell(const DeviceId& id, int& error);  // under hash_lock_
  Cells::iterator find_cell(const MappedDevice& device);      // under hash_lock_
  std::shared_ptr<MappedDevice> find(const DeviceId& id, int& error);
  void describe(MappedDevice& device, DeviceInfo& out);
  int finish_removal(const std::shared_ptr<MappedDevice>& device, bool wait);
  bool remove_one(bool only_deferred);

  blk::System& system_;
  std::vector<const TargetType*> registered_;
  rt::Mutex module_lock_{"modules"};
  std::map<std::string_view, std::unique_ptr<Module>> modules_;  // outlive the devices
#ifdef BIOSCOPE_VARIANTS
  // What a mutant uses after its end is still there to be found out (map_clone()).
  std::vector<std::unique_ptr<Table>> destroyed_tables_;
  std::vector<std::shared_ptr<MappedDevice>> destroyed_devices_;
#endif
  rt::Mutex hash_lock_{"_hash_lock"};
  Cells cells_;  // by name; under hash_lock_
  rt::Work deferred_remove_work_;
  std::unique_ptr<rt::Workqueue> deferred_remove_wq_;  // made with the first; under hash_lock_
};

}  // namespace bioscope::dm
