// SPDX-License-Identifier: Apache-2.0
// Disks of null_blk, memory-backed, through configfs. The fast kind.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "vm-images/agent/disk_source.h"
#include "vm-images/agent/files.h"

namespace bioscope {
namespace {

constexpr u64 kSectorsPerMib = 2048;
const std::string kFolder = "/sys/kernel/config/nullb";

class NullDisks : public DiskSource {
 public:
  Result<BlockDevice> provide(const Disk& disk) override;
  Result<void> take_back() override;

 private:
  struct Made {
    Disk disk;
    std::string name;
    bool in_use = false;
  };
  Result<void> make(const Disk& disk, const std::string& name);

  std::vector<Made> made_;
};

Result<BlockDevice> NullDisks::provide(const Disk& disk) {
  Made* found = nullptr;
  for (Made& made : made_) {
    if (!made.in_use && same_parameters(made.disk, disk)) {
      found = &made;
      break;
    }
  }
  if (found == nullptr) {
    const std::string name = fmt::format("null{}", made_.size());
    if (auto done = make(disk, name); !done) return std::unexpected(done.error());
    found = &made_.emplace_back(Made{disk, name, false});
  }
  found->in_use = true;
  BlockDevice device{disk.name, "/dev/" + found->name, 0, 0, true};
  if (!fill_number(device)) {
    return could_not_judge(
        fmt::format("disk {}: null_blk made no node {}", disk.name, device.node));
  }
  if (disk.read_only) set_read_only(device.node, true);
  return device;
}

Result<void> NullDisks::make(const Disk& disk, const std::string& name) {
  if (disk.size_sectors % kSectorsPerMib != 0) {
    return could_not_judge(fmt::format(
        "disk {}: the size of a null disk must be a multiple of {} sectors; use kind loop",
        disk.name, kSectorsPerMib));
  }
  if (disk.chunk_sectors != 0 || disk.discard_granularity_sectors != 0 ||
      disk.discard_alignment_sectors != 0 || disk.max_write_zeroes_sectors != 0 ||
      (disk.physical_block_bytes != 0 && disk.physical_block_bytes != disk.logical_block_bytes)) {
    return could_not_judge(
        fmt::format("disk {}: null_blk has no such limits; use kind scsi or loop", disk.name));
  }
  const std::string folder = kFolder + "/" + name;
  if (mkdir(folder.c_str(), 0755) != 0) {
    return could_not_judge(
        fmt::format("disk {}: null_blk gives no device ({})", disk.name, strerror(errno)));
  }
  std::vector<std::pair<std::string, std::string>> settings{
      {"size", fmt::format("{}", disk.size_sectors / kSectorsPerMib)},
      {"blocksize", fmt::format("{}", disk.logical_block_bytes)},
      {"memory_backed", "1"},
      {"discard", "1"},
      {"no_sched", "1"},
  };
  if (disk.cache == CacheMode::Volatile) {
    settings.emplace_back("cache_size", fmt::format("{}", disk.size_sectors / kSectorsPerMib));
  }
  if (disk.max_sectors != 0) {
    settings.emplace_back("max_sectors", fmt::format("{}", disk.max_sectors));
  }
  settings.emplace_back("power", "1");
  for (const auto& [key, value] : settings) {
    const int error = write_file(folder + "/" + key, value);
    if (error == 0) continue;
    rmdir(folder.c_str());
    return could_not_judge(fmt::format("disk {}: null_blk refuses {}={} ({})", disk.name, key,
                                       value, strerror(error)));
  }
  if (disk.max_discard_sectors != 0) {
    write_file(fmt::format("/sys/block/{}/queue/discard_max_bytes", name),
               fmt::format("{}", u64{disk.max_discard_sectors} * kSectorBytes));
  }
  return {};
}

Result<void> NullDisks::take_back() {
  for (Made& made : made_) {
    if (!made.in_use) continue;
    made.in_use = false;
    // A discard visits each block of the device, yet it is a loop that costs less than half of what
    // taking the device away and making it anew does.
    const std::string node = "/dev/" + made.name;
    const File file(open(node.c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
    u64 range_bytes[2] = {0, made.disk.size_sectors * kSectorBytes};
    if (!file.is_open() || ioctl(file.fd(), BLKDISCARD, range_bytes) != 0) {
      return could_not_judge(
          fmt::format("disk {} cannot be emptied ({})", made.disk.name, strerror(errno)));
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<DiskSource> make_null_disks() {
  return std::make_unique<NullDisks>();
}

}  // namespace bioscope
