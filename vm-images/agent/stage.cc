// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/stage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace bioscope {

void OpenFiles::add(const std::string& device, File file) {
  const std::lock_guard lock(mutex_);
  entries_.push_back({device, std::move(file)});
}

bool OpenFiles::close_last(const std::string& device) {
  File closing;  // closed without the lock: the last close of a device may wait
  {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::ranges::find(entries_.rbegin(), entries_.rend(), device, &Entry::device);
    if (found == entries_.rend()) return false;
    closing = std::move(found->file);
    entries_.erase(std::next(found).base());
  }
  return true;
}

void OpenFiles::close_all() {
  const std::lock_guard lock(mutex_);
  while (!entries_.empty()) entries_.pop_back();
}

std::string Mounts::path_for(const std::string& point) {
  const std::lock_guard lock(mutex_);
  auto found = std::ranges::find(points_, point);
  if (found == points_.end()) found = points_.insert(points_.end(), point);
  const std::string path = fmt::format("/mnt/{}", found - points_.begin());
  mkdir(path.c_str(), 0755);
  return path;
}

void Mounts::add(const std::string& point, const std::string& device) {
  const std::string path = path_for(point);
  const std::lock_guard lock(mutex_);
  mounted_.push_back({point, path, device});
}

void Mounts::drop(const std::string& point) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(mounted_.rbegin(), mounted_.rend(), point, &Entry::point);
  if (found != mounted_.rend()) mounted_.erase(std::next(found).base());
}

std::optional<Mounts::Entry> Mounts::find(const std::string& point) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(mounted_, point, &Entry::point);
  if (found == mounted_.end()) return std::nullopt;
  return *found;
}

std::optional<std::string> Mounts::file_path(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : mounted_) {
    if (name.starts_with(entry.point + "/")) return entry.path + name.substr(entry.point.size());
  }
  return std::nullopt;
}

std::vector<Mounts::Entry> Mounts::all() const {
  const std::lock_guard lock(mutex_);
  return mounted_;
}

int open_device(const Stage& stage, const std::string& name, int flags) {
  const auto device = stage.devices.find(name);
  if (!device) return -ENXIO;
  const int fd = open(device->node.c_str(), flags | O_CLOEXEC);
  if (fd >= 0) return fd;
  // A mapped device without a table has no node in devtmpfs yet; the kernel itself says ENXIO.
  return errno == ENOENT ? -ENXIO : -errno;
}

}  // namespace bioscope
