// SPDX-License-Identifier: Apache-2.0
// Interposers: a mapped device whose table was loaded with the interpose flag is attached over a
// block device by the resume that binds the table, and detached by its remove or by a resume with
// a table without the flag.
//
// Invariants:
//   N1  `interposer` of a device and `interposes` of a mapped device name each other.
//   N2  While an operation that attaches or detaches is under way, I/O may go either way; from its
//       return on there is one way (P2, P3).
//   N3  A refused attach changes nothing over the device (P8).
#include <algorithm>
#include <cerrno>

#include "models/spec/machine.h"

namespace bioscope::spec {

// Which device a flagged table stands over, and what refuses it at the load (R29).
void Machine::plan_interposer(Table& table, LegalSet& legal) const {
  const auto refuse = [&](std::initializer_list<int> errors) {
    if (legal.allows(0)) legal = {};
    legal.rule = rule(29);
    allow(legal, errors);
  };
  std::vector<std::string_view> prefixed;
  std::vector<std::string_view> all;
  const auto add = [](std::vector<std::string_view>& names, std::string_view name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const Target& target : table.targets) {
    for (const TargetDevice& below : target.devices) {
      add(all, below.name);
      if (below.prefixed) add(prefixed, below.name);
    }
  }
  if (table.targets.size() != 1) refuse({EINVAL});
  const auto& named = prefixed.empty() ? all : prefixed;
  if (named.size() != 1) return refuse({EINVAL});
  for (Target& target : table.targets) {
    for (TargetDevice& below : target.devices) {
      if (below.name == named.front()) below.below = true;
    }
  }
  const DeviceId interposed = find_device(named.front());
  if (interposed == kNone || !devices_[interposed].exists) return refuse({ENODEV});
  table.interposed = interposed;
  if (table.size_sectors < size_least(interposed)) {
    refuse({EINVAL});
  } else if (table.size_sectors != size_most(interposed)) {
    allow(legal, {EINVAL});  // what reaches past it is refused here or by the swap
  }
}

// What the attach in a resume says: all that can fail comes before I/O is let through.
LegalSet Machine::attach_legal(DeviceId id, const Table& table) const {
  const DeviceId over = table.interposed;
  LegalSet legal = one_of(property(8), {});
  if (over == kNone || devices_[id].interposes == over) return one_of(property(8), {0});
  const Device& device = devices_[over];
  if (!device.exists) return one_of(property(8), {ENODEV});
  bool certain = true;
  if (device.interposer != kNone) {
    const Device& other = devices_[device.interposer];
    allow(legal, {EBUSY});
    certain = other.removes == 0 && !other.resuming && !other.blurred && !other.deferred_remove;
  } else if (device.attaching != kNone && device.attaching != id) {
    allow(legal, {EBUSY});
    certain = false;
  }
  if (table.size_sectors < size_least(over)) allow(legal, {EINVAL});
  if (!legal.errors.empty()) {
    if (!certain) allow(legal, {0});
    return legal;
  }
  allow(legal, {0});
  // Frozen by FIFREEZE a file system cannot be frozen again (R22); freeze_bdev counts.
  for (const Mounted& mounted : mounts_) {
    const bool on_it = mounted.device != kNone &&
                       (mounted.device == over || devices_[mounted.device].whole == over);
    if (on_it && mounted.freezes > 0) allow(legal, {EBUSY});
  }
  if (devices_[id].interposes != kNone) allow(legal, {EINVAL, EBUSY});
  if (device.pending_changes > 0 || device.deferred_remove) allow(legal, {ENODEV});
  return legal;
}

// A resume with a flagged table is invoked: from now on I/O to the device may go through it.
void Machine::expect_attach(DeviceId id) {
  const TablePtr& incoming = devices_[id].incoming;
  if (!incoming || incoming->interposed == kNone) return;
  Device& over = devices_[incoming->interposed];
  if (over.interposer == kNone && over.attaching == kNone) over.attaching = id;
}

// An operation on the mapped device is over: what it is attached over is what its live table says.
void Machine::settle_interposer(DeviceId id) {
  for (Device& device : devices_) {
    if (device.attaching == id) device.attaching = kNone;
  }
  DeviceId wanted = devices_[id].live ? devices_[id].live->interposed : kNone;
  if (wanted != kNone && devices_[wanted].gone) wanted = kNone;
  if (devices_[id].interposes == wanted) return;
  detach(id);
  if (wanted == kNone) return;
  const auto place = place_of(wanted);
  const u32 found = place ? find_file_system(*place) : kNone;
  devices_[wanted].interposer = id;
  devices_[wanted].lingering_table = nullptr;
  devices_[id].interposes = wanted;
  // What a mounted file system finds below it now is another content (a snapshot, an offset).
  if (found != kNone && place_of(wanted) != place) forget(file_systems_[found]);
  for (const Mounted& mounted : std::vector<Mounted>(mounts_)) {
    if (mounted.device != kNone && stack_has(mounted.device, wanted)) scribble(mounted.device);
  }
  change_snapshot_origins(wanted);
}

void Machine::detach(DeviceId id) {
  const DeviceId over = devices_[id].interposes;
  if (over == kNone) return;
  const auto place = place_of(over);
  const u32 found = place ? find_file_system(*place) : kNone;
  devices_[over].interposer = kNone;
  devices_[id].interposes = kNone;
  if (place_of(over) != place) {
    if (found != kNone) forget(file_systems_[found]);
    for (Mounted& mounted : mounts_) {
      if (mounted.device == over) mounted.file_system = file_system_of(over);
    }
  }
  change_snapshot_origins(over);
}

// A remove of an attached device is invoked: what waits for it may go on without it.
void Machine::expect_remove(DeviceId id) {
  if (devices_[id].interposes == kNone) return;
  tables_changed(id);
  if (devices_[id].suspended) release_deferred(id);
}

// Operations on it overlapped: over what it was ever loaded, it may be attached or not.
void Machine::blur_interposed(DeviceId id) {
  const auto may_attach = [&](const TablePtr& table) {
    if (!table || table->interposed == kNone) return;
    Device& over = devices_[table->interposed];
    if (over.interposer == kNone) over.attaching = id;
  };
  const Device& device = devices_[id];
  for (const TablePtr& past : device.past) may_attach(past);
  for (const TablePtr& table : {device.live, device.inactive, device.incoming}) may_attach(table);
}

}  // namespace bioscope::spec
