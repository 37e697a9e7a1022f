// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "vm-images/agent/clock.h"
#include "vm-images/agent/dm_operations.h"

namespace bioscope {
namespace {

constexpr int kMostThaws = 16;
constexpr int kUmountRounds = 20;
constexpr int kRemoveRounds = 64;
constexpr u64 kRetryNs = 5 * kMillisecondNs;

bool has_kind(const Trace& trace, OperationKind kind) {
  return std::ranges::any_of(trace.lanes, [kind](const Lane& lane) {
    return std::ranges::any_of(
        lane.operations, [kind](const Operation& operation) { return operation.kind == kind; });
  });
}

// A delay target may hold I/O back for longer than any bound.
bool uses_delay(const Trace& trace) {
  return std::ranges::any_of(trace.lanes, [](const Lane& lane) {
    return std::ranges::any_of(lane.operations, [](const Operation& operation) {
      return operation.kind == OperationKind::Load &&
             operation.text.find(" delay ") != std::string::npos;
    });
  });
}

void thaw_mounts(Stage& stage) {
  if (!has_kind(stage.trace, OperationKind::Freeze)) return;
  for (const Mounts::Entry& mount : stage.mounts.all()) {
    const File folder(open(mount.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (int i = 0; i < kMostThaws && ioctl(folder.fd(), FITHAW, 0UL) == 0; ++i) {
    }
  }
}

void unmount_all(Stage& stage) {
  std::vector<Mounts::Entry> mounts = stage.mounts.all();
  for (auto mount = mounts.rbegin(); mount != mounts.rend(); ++mount) {
    int error = 0;
    for (int round = 0; round < kUmountRounds; ++round) {
      error = umount2(mount->path.c_str(), 0) == 0 ? 0 : errno;
      if (error != EBUSY) break;
      sleep_ns(kRetryNs);
    }
    if (error == 0) stage.mounts.drop(mount->point);
  }
}

// The youngest first: what stands on another device is usually younger than it.
void remove_all() {
  std::vector<MappedDevice> devices = list_mapped_devices();
  std::ranges::sort(devices, std::ranges::greater{}, &MappedDevice::minor);
  for (int round = 0; round < kRemoveRounds && !devices.empty(); ++round) {
    const std::size_t before = devices.size();
    std::erase_if(
        devices, [](const MappedDevice& device) { return remove_mapped_device(device.name) == 0; });
    if (devices.size() == before) sleep_ns(kRetryNs);
  }
}

std::size_t entries_in(const std::string& folder) {
  DIR* directory = opendir(folder.c_str());
  if (directory == nullptr) return 0;
  std::size_t count = 0;
  while (const dirent* entry = readdir(directory)) count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(directory);
  return count;
}

void add_leftover(std::vector<Leftover>& leftovers, std::string what, u64 after) {
  if (after != 0) leftovers.push_back({std::move(what), 0, static_cast<i64>(after)});
}

}  // namespace

void let_go(Stage& stage, Script& script) {
  script.end();
  const bool delays = uses_delay(stage.trace);
  for (const MappedDevice& device : list_mapped_devices()) {
    resume_mapped_device(device.name);
    if (delays) bounce_mapped_device(device.name);
  }
  thaw_mounts(stage);
}

void clean_up(Stage& stage, Script& script, WorkerPool& workers) {
  let_go(stage, script);
  // Async operations that were left running end now; the caller is one of the busy workers.
  while (workers.busy() > 1) sleep_ns(kMillisecondNs);
  stage.open_files.close_all();
  unmount_all(stage);
  remove_all();
}

std::vector<Leftover> ledger(const Stage& stage) {
  std::vector<Leftover> leftovers;
  add_leftover(leftovers, "mapped devices", list_mapped_devices().size());
  add_leftover(leftovers, "mounts", stage.mounts.all().size());
  for (const BlockDevice& device : stage.devices.all()) {
    if (!device.is_disk) continue;
    const std::string folder = "/sys/class/block/" + device.node.substr(5);
    add_leftover(leftovers, "holders of " + device.name, entries_in(folder + "/holders"));
    std::istringstream words(read_file(folder + "/inflight"));
    u64 reads = 0;
    u64 writes = 0;
    words >> reads >> writes;
    add_leftover(leftovers, "in flight on " + device.name, reads + writes);
    // Exclusive opening fails as long as anybody has claimed the disk.
    const File claim(open(device.node.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
    add_leftover(leftovers, "claims of " + device.name, !claim.is_open() && errno == EBUSY ? 1 : 0);
  }
  return leftovers;
}

}  // namespace bioscope
