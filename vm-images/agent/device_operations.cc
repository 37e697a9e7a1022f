// SPDX-License-Identifier: Apache-2.0
// What happens to devices as such: open and close, read-only, size, removal under use, partitions,
// power.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/nbd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "vm-images/agent/operations.h"

namespace bioscope {
namespace {

Outcome open_and_keep(Stage& stage, const Operation& operation) {
  int flags = operation.flags.has(OperationFlag::ReadOnly) ? O_RDONLY : O_RDWR;
  if (operation.flags.has(OperationFlag::Exclusive)) flags |= O_EXCL;
  const int fd = open_device(stage, operation.device, flags);
  if (fd < 0) return failed(-fd);
  stage.open_files.add(operation.device, File(fd));
  return {};
}

Outcome resize(Stage& stage, const Operation& operation) {
  const auto device = stage.devices.find(operation.device);
  if (!device) return failed(ENXIO);
  const File file(open(device->node.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.is_open()) return failed(errno);
  const u64 size_bytes = static_cast<u64>(operation.number) * kSectorBytes;
  if (device->node.starts_with("/dev/loop")) {
    const std::string path = "/tmp/" + device->node.substr(5);
    if (truncate(path.c_str(), static_cast<off_t>(size_bytes)) != 0) return failed(errno);
    return failed(ioctl(file.fd(), LOOP_SET_CAPACITY, 0UL) == 0 ? 0 : errno);
  }
  return failed(EOPNOTSUPP);
}

Outcome hot_remove(const Stage& stage, const Operation& operation) {
  const auto device = stage.devices.find(operation.device);
  if (!device) return failed(ENXIO);
  const std::string name = device->node.substr(5);
  return failed(write_file(fmt::format("/sys/kernel/config/nullb/{}/power", name), "0"));
}

// "FIRST+COUNT,.." becomes partitions 1, 2, ..
Outcome partition(Stage& stage, const Operation& operation) {
  const int fd = open_device(stage, operation.device, O_RDWR);
  if (fd < 0) return failed(-fd);
  const File file(fd);
  const auto disk = stage.devices.find(operation.device);
  std::string text = operation.text;
  std::ranges::replace(text, ',', ' ');
  int number = 1;
  for (const std::string& word : words_of(text)) {
    const std::size_t plus = word.find('+');
    u64 first = 0;
    u64 count = 0;
    if (plus == std::string::npos) return failed(EINVAL);
    std::from_chars(word.data(), word.data() + plus, first);
    std::from_chars(word.data() + plus + 1, word.data() + word.size(), count);
    blkpg_partition entry{};
    entry.start = static_cast<long long>(first * kSectorBytes);
    entry.length = static_cast<long long>(count * kSectorBytes);
    entry.pno = number;
    blkpg_ioctl_arg argument{BLKPG_ADD_PARTITION, 0, sizeof(entry), &entry};
    if (ioctl(fd, BLKPG, &argument) != 0) return failed(errno);
    const bool ends_in_digit = disk->node.back() >= '0' && disk->node.back() <= '9';
    BlockDevice made{fmt::format("{}p{}", operation.device, number),
                     fmt::format("{}{}{}", disk->node, ends_in_digit ? "p" : "", number), 0, 0,
                     true};
    if (fill_number(made)) stage.devices.add(made);
    ++number;
  }
  return {};
}

Outcome power(Stage& stage, OperationId id, DiskCommand::Kind kind) {
  const auto slot = stage.controlled == nullptr
                        ? std::nullopt
                        : stage.controlled->slot_of(operation_at(stage.trace, id).device);
  if (!slot) return failed(EOPNOTSUPP);
  DiskCommand command;
  command.kind = kind;
  command.slot = *slot;
  command.seed = stage.trace.seed + id;
  return failed(stage.server->command(command) ? 0 : EIO);
}

}  // namespace

Outcome perform_device(Stage& stage, OperationId id) {
  const Operation& operation = operation_at(stage.trace, id);
  switch (operation.kind) {
    case OperationKind::Open:
      return open_and_keep(stage, operation);
    case OperationKind::Close:
      return failed(stage.open_files.close_last(operation.device) ? 0 : EBADF);
    case OperationKind::SetReadOnly: {
      const auto device = stage.devices.find(operation.device);
      if (!device) return failed(ENXIO);
      return failed(set_read_only(device->node, operation.number != 0));
    }
    case OperationKind::Resize:
      return resize(stage, operation);
    case OperationKind::HotRemove:
      return hot_remove(stage, operation);
    case OperationKind::Partition:
      return partition(stage, operation);
    case OperationKind::PowerCut:
      return power(stage, id, DiskCommand::Kind::PowerCut);
    case OperationKind::Reopen:
      return power(stage, id, DiskCommand::Kind::Reopen);
    default:
      return failed(ENOSYS);
  }
}

}  // namespace bioscope
