// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/disk_source.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "vm-images/agent/files.h"

namespace bioscope {

bool same_parameters(const Disk& a, const Disk& b) {
  Disk unnamed = a;
  unnamed.name = b.name;
  return unnamed == b;
}

bool fill_number(BlockDevice& device) {
  struct stat status{};
  if (stat(device.node.c_str(), &status) != 0 || !S_ISBLK(status.st_mode)) return false;
  device.major = major(status.st_rdev);
  device.minor = minor(status.st_rdev);
  return true;
}

int set_read_only(const std::string& node, bool read_only) {
  const File file(open(node.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return errno;
  const int value = read_only ? 1 : 0;
  return ioctl(file.fd(), BLKROSET, &value) == 0 ? 0 : errno;
}

}  // namespace bioscope
