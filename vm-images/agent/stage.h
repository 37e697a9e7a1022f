// SPDX-License-Identifier: Apache-2.0
// What the operations of one trace work on: its devices, the descriptors that it keeps open, its
// mounts.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "models/trace/trace.h"
#include "vm-images/agent/devices.h"
#include "vm-images/agent/files.h"
#include "vm-images/agent/nbd_disk.h"
#include "vm-images/probe/probe_client.h"

namespace bioscope {

// Descriptors of `open`, closed in the reverse order. Thread-safe.
class OpenFiles {
 public:
  void add(const std::string& device, File file);
  // False if the device is not open.
  bool close_last(const std::string& device);
  void close_all();

 private:
  struct Entry {
    std::string device;
    File file;
  };
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

// Mount points by their name in the trace. Thread-safe.
class Mounts {
 public:
  struct Entry {
    std::string point;  // in the trace
    std::string path;   // in the guest
    std::string device;
  };
  // A path, an empty folder, for a mount point; the same each time until it is dropped.
  std::string path_for(const std::string& point);
  void add(const std::string& point, const std::string& device);
  void drop(const std::string& point);
  std::optional<Entry> find(const std::string& point) const;
  // "POINT/FILE" into the file's path.
  std::optional<std::string> file_path(const std::string& name) const;
  std::vector<Entry> all() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> points_;  // index: number of the folder
  std::vector<Entry> mounted_;
};

struct Stage {
  const Trace& trace;
  DeviceTable devices;
  OpenFiles open_files;
  Mounts mounts;
  DiskServer* server = nullptr;  // without it there are no controlled disks
  NbdDisks* controlled = nullptr;
  Probe* probe = nullptr;  // without it no bios as written, no freeze of bare devices
};

// Opens a device's node with `flags` and O_CLOEXEC. An error is negative: -ENXIO for a name that is
// no device now, else what open(2) says.
int open_device(const Stage& stage, const std::string& name, int flags);

}  // namespace bioscope
