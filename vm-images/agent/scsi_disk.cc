// SPDX-License-Identifier: Apache-2.0
// Disks of scsi_debug: limits that no other disk of the stock kernel has. Its parameters are fixed
// when the module is loaded, so it is loaded for a trace and taken out after it, and all scsi disks
// of a trace have equal parameters.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "vm-images/agent/clock.h"
#include "vm-images/agent/disk_source.h"
#include "vm-images/agent/files.h"
#include "vm-images/agent/modules.h"

namespace bioscope {
namespace {

constexpr u64 kSectorsPerMib = 2048;
constexpr int kMostHosts = 4;
constexpr int kProbeRounds = 2000;  // of a millisecond: the sd driver probes in its own time

std::vector<std::string> names_in(const std::string& folder, const std::string& prefix) {
  std::vector<std::string> names;
  DIR* directory = opendir(folder.c_str());
  if (directory == nullptr) return names;
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (name.starts_with(prefix) && name[0] != '.') names.push_back(name);
  }
  closedir(directory);
  std::ranges::sort(names);
  return names;
}

class ScsiDisks : public DiskSource {
 public:
  explicit ScsiDisks(std::string module_path) : module_path_(std::move(module_path)) {}
  Result<BlockDevice> provide(const Disk& disk) override;
  Result<void> take_back() override;

 private:
  Result<void> load(const Disk& disk);

  std::string module_path_;
  std::optional<Disk> loaded_;
  std::size_t provided_ = 0;
};

std::string parameters_for(const Disk& disk) {
  const u32 physical =
      disk.physical_block_bytes == 0 ? disk.logical_block_bytes : disk.physical_block_bytes;
  const u32 per_block = disk.logical_block_bytes / kSectorBytes;
  const u32 granularity = std::max(1U, disk.discard_granularity_sectors / per_block);
  return fmt::format(
      "dev_size_mb={} sector_size={} physblk_exp={} lbpu=1 lbpws=1 unmap_granularity={} "
      "unmap_alignment={}{} write_same_length={} delay=0 per_host_store=1 "
      "add_host={} max_queue=32 {}",
      disk.size_sectors / kSectorsPerMib, disk.logical_block_bytes,
      std::countr_zero(physical / disk.logical_block_bytes), granularity,
      disk.discard_alignment_sectors / per_block,
      disk.max_discard_sectors == 0
          ? std::string()
          : fmt::format(" unmap_max_blocks={}", disk.max_discard_sectors / per_block),
      disk.max_write_zeroes_sectors == 0 ? 0xffffU : disk.max_write_zeroes_sectors / per_block,
      kMostHosts, disk.cache == CacheMode::None ? "opts=0" : "");
}

Result<void> ScsiDisks::load(const Disk& disk) {
  if (module_path_.empty()) {
    return could_not_judge(fmt::format("disk {}: the guest has no scsi_debug", disk.name));
  }
  if (disk.size_sectors % kSectorsPerMib != 0 || disk.chunk_sectors != 0 ||
      disk.logical_block_bytes < kSectorBytes) {
    return could_not_judge(fmt::format(
        "disk {}: scsi_debug has no such size or chunk; make the size a multiple of {} sectors",
        disk.name, kSectorsPerMib));
  }
  if (auto done = load_module(module_path_, parameters_for(disk)); !done) return done;
  loaded_ = disk;
  return {};
}

Result<BlockDevice> ScsiDisks::provide(const Disk& disk) {
  if (!loaded_) {
    if (auto done = load(disk); !done) return std::unexpected(done.error());
  }
  if (!same_parameters(*loaded_, disk) || provided_ == kMostHosts) {
    return could_not_judge(
        fmt::format("disk {}: a trace has at most {} scsi disks, all with equal parameters",
                    disk.name, kMostHosts));
  }
  const std::string host = fmt::format("/sys/bus/pseudo/devices/adapter{}/", provided_++);
  std::string name;
  for (int round = 0; round < kProbeRounds && name.empty(); ++round) {
    for (const std::string& bus : names_in(host, "host")) {
      for (const std::string& target : names_in(host + bus, "target")) {
        for (const std::string& unit : names_in(host + bus + "/" + target, "")) {
          const auto found = names_in(host + bus + "/" + target + "/" + unit + "/block", "sd");
          if (!found.empty() && exists("/dev/" + found[0])) name = found[0];
        }
      }
    }
    if (name.empty()) sleep_ns(kMillisecondNs);
  }
  BlockDevice device{disk.name, "/dev/" + name, 0, 0, true};
  if (name.empty() || !fill_number(device)) {
    return could_not_judge(
        fmt::format("disk {}: the disk of scsi_debug did not appear", disk.name));
  }
  if (disk.max_sectors != 0) {
    write_file(fmt::format("/sys/block/{}/queue/max_sectors_kb", name),
               fmt::format("{}", disk.max_sectors / 2));
  }
  if (disk.read_only) set_read_only(device.node, true);
  return device;
}

Result<void> ScsiDisks::take_back() {
  if (!loaded_) return {};
  for (int round = 0; round < kProbeRounds; ++round) {
    if (syscall(SYS_delete_module, "scsi_debug", O_NONBLOCK) == 0) {
      loaded_.reset();
      provided_ = 0;
      return {};
    }
    sleep_ns(kMillisecondNs);
  }
  return could_not_judge(fmt::format("scsi_debug cannot be taken out ({})", strerror(errno)));
}

}  // namespace

std::unique_ptr<DiskSource> make_scsi_disks(std::string module_path) {
  return std::make_unique<ScsiDisks>(std::move(module_path));
}

}  // namespace bioscope
