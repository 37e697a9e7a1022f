// SPDX-License-Identifier: Apache-2.0
// File systems: made and checked by the programs of e2fsprogs and xfsprogs, used through system
// calls. Everything that a program would take from a clock or from randomness is fixed.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "vm-images/agent/command.h"
#include "vm-images/agent/era_xml.h"
#include "vm-images/agent/operations.h"
#include "vm-images/agent/probe_operations.h"

namespace bioscope {
namespace {

constexpr std::size_t kMostSaidBytes = 400;
constexpr const char* kUuid = "b1050b1e-0000-4000-8000-000000000001";

std::string shortened(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  text = tidy_words(text);
  if (text.size() > kMostSaidBytes) text.resize(kMostSaidBytes);
  return text;
}

Outcome mkfs(const BlockDevice& device, const std::string& file_system) {
  std::vector<std::string> arguments;
  if (file_system == "ext4") {
    arguments = {
        "/sbin/mkfs.ext4",
        "-q",
        "-F",
        "-b",
        "4096",
        "-I",
        "256",
        "-m",
        "0",
        "-N",
        "64",
        "-J",
        "size=4",
        "-U",
        kUuid,
        "-E",
        fmt::format("nodiscard,lazy_itable_init=0,lazy_journal_init=0,hash_seed={}", kUuid),
        device.node};
  } else if (file_system == "xfs") {
    arguments = {
        "/sbin/mkfs.xfs", "--unsupported", "-q", "-f", "-K", "-m", fmt::format("uuid={}", kUuid),
        device.node};
  } else {
    return failed(ENODEV);
  }
  const CommandResult result = run_command(arguments);
  if (result.exit_status == 0) return {};
  return Outcome{EIO, 0, {}, shortened(result.output)};
}

Outcome fsck(const BlockDevice& device, const std::string& file_system) {
  std::vector<std::string> arguments;
  if (file_system == "ext4") {
    arguments = {"/sbin/e2fsck", "-fn", device.node};
  } else if (file_system == "xfs") {
    arguments = {"/sbin/xfs_repair", "-n", "-o", "force_geometry", device.node};
  } else {
    return failed(ENODEV);
  }
  const CommandResult result = run_command(arguments);
  return Outcome{result.exit_status == 0 ? 0 : EUCLEAN, 0, {}, shortened(result.output)};
}

Outcome era_dump(const BlockDevice& device) {
  // Not --logical: version 0.9 then loses write sets that are younger than the array's entries.
  const CommandResult result = run_command({"/usr/sbin/era_dump", device.node});
  const auto summary = era_summary(result.output);
  if (result.exit_status != 0 || !summary) {
    return Outcome{EIO, 0, {}, shortened(result.output)};
  }
  return Outcome{0, 0, {}, *summary};
}

Outcome mount_device(Stage& stage, const BlockDevice& device, const Operation& operation) {
  const std::string path = stage.mounts.path_for(operation.word);
  const unsigned long flags = operation.flags.has(OperationFlag::ReadOnly) ? MS_RDONLY : 0;
  std::vector<std::string> types{operation.text};
  if (operation.text.empty()) types = {"ext4", "xfs"};
  int error = 0;
  for (const std::string& type : types) {
    if (mount(device.node.c_str(), path.c_str(), type.c_str(), flags, nullptr) == 0) {
      stage.mounts.add(operation.word, operation.device);
      return {};
    }
    error = errno;
    if (error != EINVAL) break;  // another type can only help where this one is not it
  }
  return failed(error);
}

Outcome umount_point(Stage& stage, const std::string& point) {
  const auto mounted = stage.mounts.find(point);
  if (!mounted) return failed(EINVAL);
  if (umount2(mounted->path.c_str(), 0) != 0) return failed(errno);
  stage.mounts.drop(point);
  return {};
}

Outcome freeze(const std::string& path, bool thaw) {
  const File folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return failed(errno);
  return failed(ioctl(folder.fd(), thaw ? FITHAW : FIFREEZE, 0UL) == 0 ? 0 : errno);
}

Outcome perform_on_file(Stage& stage, Worker& worker, OperationId id) {
  const Operation& operation = operation_at(stage.trace, id);
  const auto path = stage.mounts.file_path(operation.device);
  if (!path) return failed(ENOENT);
  if (operation.kind == OperationKind::FileRemove) {
    return failed(unlink(path->c_str()) == 0 ? 0 : errno);
  }
  const int mode = operation.kind == OperationKind::FileWrite ? O_RDWR | O_CREAT : O_RDONLY;
  const File file(open(path->c_str(), mode | O_DIRECT | O_CLOEXEC, 0644));
  if (!file.is_open()) return failed(errno);
  switch (operation.kind) {
    case OperationKind::FileWrite:
      return write_stamps(worker, file.fd(), operation.range,
                          Stamp{id, operation.range.first_sector, stage.trace.seed}, 0);
    case OperationKind::FileRead:
      return read_sectors(worker, file.fd(), operation.range, 0);
    default: {
      const auto ring = worker.ring();
      if (!ring) return failed(ENOMEM);
      const int result = (*ring)->sync(file.fd());
      return failed(result < 0 ? -result : 0);
    }
  }
}

}  // namespace

Outcome perform_file_system(Stage& stage, Worker& worker, OperationId id) {
  const Operation& operation = operation_at(stage.trace, id);
  switch (operation.kind) {
    case OperationKind::FileWrite:
    case OperationKind::FileRead:
    case OperationKind::FileSync:
    case OperationKind::FileRemove:
      return perform_on_file(stage, worker, id);
    case OperationKind::Umount:
      return umount_point(stage, operation.device);
    case OperationKind::Freeze:
    case OperationKind::Thaw: {
      const bool thaw = operation.kind == OperationKind::Thaw;
      if (const auto mounted = stage.mounts.find(operation.device)) {
        return freeze(mounted->path, thaw);
      }
      if (stage.probe != nullptr) return freeze_device(stage, operation.device, thaw);
      return failed(ENXIO);
    }
    default:
      break;
  }
  const auto device = stage.devices.find(operation.device);
  if (!device) return failed(ENXIO);
  switch (operation.kind) {
    case OperationKind::Mkfs:
      return mkfs(*device, operation.word);
    case OperationKind::Fsck:
      return fsck(*device, operation.word);
    case OperationKind::EraDump:
      return era_dump(*device);
    case OperationKind::Mount:
      return mount_device(stage, *device, operation);
    default:
      return failed(ENOSYS);
  }
}

}  // namespace bioscope
