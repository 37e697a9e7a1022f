// SPDX-License-Identifier: Apache-2.0
// Disks of the loop driver over a file in tmpfs: any size, write zeroes, resizing.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "vm-images/agent/disk_source.h"
#include "vm-images/agent/files.h"

namespace bioscope {
namespace {

class LoopDisks : public DiskSource {
 public:
  Result<BlockDevice> provide(const Disk& disk) override;
  Result<void> take_back() override;

 private:
  struct Made {
    std::string node;
    std::string path;
  };
  std::vector<Made> made_;
};

Result<BlockDevice> LoopDisks::provide(const Disk& disk) {
  if (disk.chunk_sectors != 0 || disk.discard_granularity_sectors != 0 ||
      disk.discard_alignment_sectors != 0) {
    return could_not_judge(fmt::format("disk {}: loop has no such limits", disk.name));
  }
  const File control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  const int index = control.is_open() ? ioctl(control.fd(), LOOP_CTL_GET_FREE, 0UL) : -1;
  if (index < 0) {
    return could_not_judge(
        fmt::format("disk {}: the guest gives no loop device ({})", disk.name, strerror(errno)));
  }
  Made made{fmt::format("/dev/loop{}", index), fmt::format("/tmp/loop{}", index)};
  const File file(open(made.path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const File device(open(made.node.c_str(), O_RDWR | O_CLOEXEC));
  loop_config config{};
  config.fd = static_cast<u32>(file.fd());
  config.block_size = disk.logical_block_bytes;
  config.info.lo_flags = disk.read_only ? LO_FLAGS_READ_ONLY : 0;
  if (!file.is_open() || !device.is_open() ||
      ftruncate(file.fd(), static_cast<off_t>(disk.size_sectors * kSectorBytes)) != 0 ||
      ioctl(device.fd(), LOOP_CONFIGURE, &config) != 0) {
    return could_not_judge(
        fmt::format("disk {}: loop cannot be set up ({})", disk.name, strerror(errno)));
  }
  const std::string queue = fmt::format("/sys/block/loop{}/queue/", index);
  if (disk.cache == CacheMode::None) write_file(queue + "write_cache", "write through");
  if (disk.max_sectors != 0) {
    write_file(queue + "max_sectors_kb", fmt::format("{}", disk.max_sectors / 2));
  }
  BlockDevice result{disk.name, made.node, 0, 0, true};
  made_.push_back(std::move(made));
  if (!fill_number(result)) {
    return could_not_judge(fmt::format("disk {}: no node {}", disk.name, result.node));
  }
  return result;
}

Result<void> LoopDisks::take_back() {
  for (const Made& made : made_) {
    const File device(open(made.node.c_str(), O_RDWR | O_CLOEXEC));
    if (!device.is_open() || ioctl(device.fd(), LOOP_CLR_FD, 0UL) != 0) {
      return could_not_judge(
          fmt::format("{} cannot be taken away ({})", made.node, strerror(errno)));
    }
    unlink(made.path.c_str());
  }
  made_.clear();
  return {};
}

}  // namespace

std::unique_ptr<DiskSource> make_loop_disks() {
  return std::make_unique<LoopDisks>();
}

}  // namespace bioscope
