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
#include <optional>
#include <sstream>
#include <utility>

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
  auto devices = list_mapped_devices().value_or(std::vector<MappedDevice>());
  std::ranges::sort(devices, std::ranges::greater{}, &MappedDevice::minor);
  for (int round = 0; round < kRemoveRounds && !devices.empty(); ++round) {
    const std::size_t before = devices.size();
    std::erase_if(
        devices, [](const MappedDevice& device) { return remove_mapped_device(device.name) == 0; });
    if (devices.size() == before) sleep_ns(kRetryNs);
  }
}

std::optional<i64> entries_in(const std::string& folder) {
  DIR* directory = opendir(folder.c_str());
  if (directory == nullptr) return std::nullopt;
  i64 count = 0;
  while (const dirent* entry = readdir(directory)) count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(directory);
  return count;
}

std::unexpected<Error> unreadable(const std::string& what) {
  return could_not_judge(fmt::format(
      "the guest cannot read the {}, so what the trace left behind is not known", what));
}

Result<void> count_disk(const Stage& stage, const BlockDevice& disk, std::vector<Count>& counts) {
  const std::string folder = "/sys/class/block/" + disk.node.substr(5);
  const auto holders = entries_in(folder + "/holders");
  if (!holders) return unreadable("holders of " + disk.name);
  counts.push_back({"holders of " + disk.name, *holders});
  std::istringstream words(read_file(folder + "/inflight"));
  i64 reads = 0;
  i64 writes = 0;
  if (!(words >> reads >> writes)) return unreadable("requests in flight on " + disk.name);
  counts.push_back({"in flight on " + disk.name, reads + writes});
  {
    // Exclusive opening fails as long as anybody has claimed the disk.
    const File claim(open(disk.node.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
    if (!claim.is_open() && errno != EBUSY) return unreadable("claims of " + disk.name);
    counts.push_back({"claims of " + disk.name, claim.is_open() ? 0 : 1});
  }
  if (stage.probe == nullptr) return {};
  const File file(open(disk.node.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return unreadable("counters of " + disk.name);
  const auto probed = stage.probe->counters(file.fd());
  if (!probed) return unreadable("counters of " + disk.name);
  const auto add = [&](const char* what, u32 value) {
    if (value != BIOSCOPE_PROBE_UNKNOWN) counts.push_back({what + disk.name, value});
  };
  add("open count of ", probed->openers);
  add("freeze depth of ", probed->freeze_depth);
  add("bios not waited for on ", probed->pending);
  return {};
}

bool removes(const Trace& trace, const std::string& disk) {
  return std::ranges::any_of(trace.lanes, [&](const Lane& lane) {
    return std::ranges::any_of(lane.operations, [&](const Operation& operation) {
      return operation.kind == OperationKind::HotRemove && operation.device == disk;
    });
  });
}

bool is_of_trace(const Trace& trace, const BlockDevice& device) {
  return std::ranges::find(trace.disks, device.name, &Disk::name) != trace.disks.end();
}

}  // namespace

void let_go(Stage& stage, Script& script) {
  script.end();
  const bool delays = uses_delay(stage.trace);
  const auto devices = list_mapped_devices();
  for (const MappedDevice& device : devices.value_or(std::vector<MappedDevice>())) {
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
  if (stage.probe != nullptr && has_kind(stage.trace, OperationKind::Freeze)) {
    // Closing the probe thaws what the trace has frozen through it, and nothing else.
    if (auto fresh = Probe::open()) *stage.probe = std::move(*fresh);
  }
  unmount_all(stage);
  remove_all();
}

Result<std::vector<Count>> take_counts(const Stage& stage) {
  std::vector<Count> counts;
  counts.push_back({"mounts", static_cast<i64>(stage.mounts.all().size())});
  for (const BlockDevice& device : stage.devices.all()) {
    if (!is_of_trace(stage.trace, device) || removes(stage.trace, device.name)) continue;
    if (auto counted = count_disk(stage, device, counts); !counted) {
      return std::unexpected(counted.error());
    }
  }
  const auto mapped = list_mapped_devices();
  if (!mapped) return unreadable("list of mapped devices");
  counts.push_back({"mapped devices", static_cast<i64>(mapped->size())});
  return counts;
}

std::vector<Leftover> differences(const std::vector<Count>& before,
                                  const std::vector<Count>& after) {
  std::vector<Leftover> leftovers;
  for (const Count& now : after) {
    const auto found = std::ranges::find(before, now.what, &Count::what);
    const i64 was = found == before.end() ? 0 : found->value;
    if (was != now.value) leftovers.push_back({now.what, was, now.value});
  }
  for (const Count& was : before) {
    if (was.value != 0 && std::ranges::find(after, was.what, &Count::what) == after.end()) {
      leftovers.push_back({was.what, was.value, 0});
    }
  }
  return leftovers;
}

}  // namespace bioscope
