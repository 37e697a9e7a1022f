// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/boot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "vm-images/agent/dm_operations.h"
#include "vm-images/agent/files.h"

namespace bioscope {
namespace {

struct SystemFolder {
  const char* type;
  const char* path;
};

std::string read_whole(const std::string& path) {
  std::string text;
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return text;
  struct stat status{};
  if (fstat(file.fd(), &status) != 0) return text;
  text.resize(static_cast<std::size_t>(status.st_size));
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t count = read(file.fd(), text.data() + filled, text.size() - filled);
    if (count <= 0) break;
    filled += static_cast<std::size_t>(count);
  }
  text.resize(filled);
  return text;
}

}  // namespace

Result<void> mount_system_folders() {
  constexpr SystemFolder kFolders[] = {
      {"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}};
  for (const SystemFolder& folder : kFolders) {
    mkdir(folder.path, 0755);
    if (mount(folder.type, folder.path, folder.type, 0, nullptr) != 0 && errno != EBUSY) {
      return could_not_judge(fmt::format("the guest cannot mount {} on {} ({})", folder.type,
                                         folder.path, strerror(errno)));
    }
  }
  mount("debugfs", "/sys/kernel/debug", "debugfs", 0, nullptr);
  mkdir("/mnt", 0755);
  mkdir("/dev/mapper", 0755);
  return {};
}

void mount_configfs() {
  mount("configfs", "/sys/kernel/config", "configfs", 0, nullptr);
}

Result<Assignment> read_assignment() {
  const std::string bytes = read_whole("/traces");
  if (bytes.empty()) return could_not_judge("the guest was given no file /traces");
  return decode_assignment(
      std::span<const u8>(reinterpret_cast<const u8*>(bytes.data()), bytes.size()));
}

Capabilities probe_capabilities(bool has_scsi_debug) {
  Capabilities can;
  can.add(Capability::BlockIo);
  can.add(Capability::Clock);
  can.add(Capability::Signals);
  can.add(Capability::ReadOnlySwitch);
  if (device_mapper_works()) {
    can.add(Capability::DeviceMapper);
    can.add(Capability::RawIoctl);
    can.add(Capability::LogDump);
    const auto targets = device_mapper_targets();
    if (std::ranges::find(targets, "era") != targets.end() && exists("/usr/sbin/era_dump")) {
      can.add(Capability::EraDump);
    }
  }
  if (exists("/sbin/mkfs.ext4") && exists("/sbin/e2fsck")) can.add(Capability::FileSystems);
  if (exists("/sys/kernel/config/nullb")) {
    can.add(Capability::NullDisk);
    can.add(Capability::HotRemove);
  }
  if (exists("/sys/block/nbd0")) {
    can.add(Capability::ControlledDisk);
    can.add(Capability::PowerCut);
  }
  if (has_scsi_debug) can.add(Capability::ScsiDisk);
  if (exists("/dev/loop-control")) can.add(Capability::LoopDisk);
  if (exists("/dev/bioscope_probe")) can.add(Capability::Probe);
  if (is_det_profile()) can.add(Capability::Schedule);
  return can;
}

bool is_det_profile() {
  return sysconf(_SC_NPROCESSORS_ONLN) == 1;
}

void mark(const std::string& line) {
  const File log(open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
  const std::string text = "bioscope: " + line + "\n";
  if (log.is_open() && write(log.fd(), text.data(), text.size()) < 0) return;
}

void prepare_kernel() {
  write_file("/proc/sys/kernel/sched_rt_runtime_us", "-1");
  write_file("/proc/sys/kernel/printk_devkmsg", "on");
  write_file("/proc/sys/kernel/hung_task_timeout_secs", "0");
}

void power_off() {
  sync();
  reboot(RB_POWER_OFF);
  power_off_now();
}

void power_off_now() {
  // QEMU ends at a reset (-no-reboot).
  write_file("/proc/sysrq-trigger", "b");
  for (;;) pause();
}

}  // namespace bioscope
