// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/nbd_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "vm-images/agent/clock.h"

namespace bioscope {
namespace {

constexpr int kConnectRounds = 1000;  // of a tenth of a millisecond

}  // namespace

Result<BlockDevice> NbdDisks::provide(const Disk& disk) {
  if (disk.chunk_sectors != 0 || disk.discard_granularity_sectors != 0 ||
      disk.discard_alignment_sectors != 0 || disk.max_write_zeroes_sectors != 0 ||
      (disk.physical_block_bytes != 0 && disk.physical_block_bytes != disk.logical_block_bytes)) {
    return could_not_judge(
        fmt::format("disk {}: nbd has no such limits; use kind scsi", disk.name));
  }
  u32 slot = 0;
  while (slot < made_.size() && (made_[slot].in_use || !same_parameters(made_[slot].disk, disk))) {
    ++slot;
  }
  if (slot == made_.size()) {
    if (slot == kMaxControlledDisks) {
      return could_not_judge(fmt::format(
          "disk {}: a guest has at most {} controlled disks; use fewer kinds in one run", disk.name,
          kMaxControlledDisks));
    }
    Made made{disk, File(), false};
    if (auto done = connect(made, slot); !done) return std::unexpected(done.error());
    made_.push_back(std::move(made));
  }
  made_[slot].in_use = true;
  made_[slot].disk.name = disk.name;
  BlockDevice device{disk.name, fmt::format("/dev/nbd{}", slot), 0, 0, true};
  if (!fill_number(device)) return could_not_judge(fmt::format("no node {}", device.node));
  return device;
}

Result<void> NbdDisks::connect(Made& made, u32 slot) {
  const Disk& disk = made.disk;
  const std::string node = fmt::format("/dev/nbd{}", slot);
  made.control = File(open(node.c_str(), O_RDWR | O_CLOEXEC));
  int sockets[2];
  if (!made.control.is_open() || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return could_not_judge(
        fmt::format("disk {}: {} cannot be opened ({})", disk.name, node, strerror(errno)));
  }
  const File kernel_end(sockets[0]);
  const File server_end(sockets[1]);
  DiskCommand attach;
  attach.kind = DiskCommand::Kind::Attach;
  attach.slot = slot;
  attach.size_sectors = disk.size_sectors;
  attach.cache = disk.cache;
  attach.read_only = disk.read_only;
  unsigned long flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_TRIM;
  if (disk.cache == CacheMode::Volatile) flags |= NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA;
  if (disk.read_only) flags |= NBD_FLAG_READ_ONLY;
  const int fd = made.control.fd();
  if (!server_.command(attach, server_end.fd()) ||
      ioctl(fd, NBD_SET_BLKSIZE, static_cast<unsigned long>(disk.logical_block_bytes)) != 0 ||
      ioctl(fd, NBD_SET_SIZE_BLOCKS, disk.size_sectors * kSectorBytes / disk.logical_block_bytes) !=
          0 ||
      ioctl(fd, NBD_SET_FLAGS, flags) != 0 ||
      ioctl(fd, NBD_SET_SOCK, static_cast<unsigned long>(kernel_end.fd())) != 0) {
    return could_not_judge(
        fmt::format("disk {}: nbd cannot be set up ({})", disk.name, strerror(errno)));
  }
  std::thread([fd] { ioctl(fd, NBD_DO_IT, 0UL); }).detach();
  // The capacity appears when the kernel has taken the connection up.
  const std::string size_path = fmt::format("/sys/block/nbd{}/size", slot);
  const std::string expected = fmt::format("{}\n", disk.size_sectors);
  const std::string pid_path = fmt::format("/sys/block/nbd{}/pid", slot);
  for (int round = 0; round < kConnectRounds; ++round) {
    if (exists(pid_path) && read_file(size_path) == expected) {
      // Requests reach the disk as they are issued: their order is the trace's business.
      write_file(fmt::format("/sys/block/nbd{}/queue/scheduler", slot), "none");
      if (disk.max_sectors != 0) {
        write_file(fmt::format("/sys/block/nbd{}/queue/max_sectors_kb", slot),
                   fmt::format("{}", disk.max_sectors / 2));
      }
      return {};
    }
    sleep_ns(kMillisecondNs / 10);
  }
  return could_not_judge(fmt::format("disk {}: the kernel does not take up {}", disk.name, node));
}

Result<void> NbdDisks::take_back() {
  for (u32 slot = 0; slot < made_.size(); ++slot) {
    Made& made = made_[slot];
    if (!made.in_use) continue;
    DiskCommand reset;
    reset.kind = DiskCommand::Kind::Reset;
    reset.slot = slot;
    if (!server_.command(reset)) return could_not_judge("the disk server is gone");
    // The control descriptor keeps the device open, so its page cache outlives the trace's users.
    ioctl(made.control.fd(), BLKFLSBUF, 0UL);
    made.in_use = false;
  }
  return {};
}

std::optional<u32> NbdDisks::slot_of(const std::string& name) const {
  for (u32 slot = 0; slot < made_.size(); ++slot) {
    if (made_[slot].in_use && made_[slot].disk.name == name) return slot;
  }
  return std::nullopt;
}

}  // namespace bioscope
