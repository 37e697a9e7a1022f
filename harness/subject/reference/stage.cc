// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/stage.h"

#include <algorithm>
#include <cerrno>

namespace bioscope::reference {

Stage::Stage(const Trace& played, History& history, blk::Watcher* watcher, Schedule& chosen,
             PagePool& pages, BufferPool& pooled)
    : trace(played),
      schedule(chosen),
      buffers(pooled),
      recorder(played, history),
      system(watcher),
      script(played, [this](const std::string& name) {
        MadeDisk* disk = find_disk(name);
        return disk == nullptr ? nullptr : disk->scripted();
      }) {
  for (const Disk& disk : trace.disks) {
    disks.push_back(std::make_unique<MadeDisk>(
        system, disk, pages,
        [this](const DiskNotice& notice) { recorder.notice(notice.kind, notice.step); }));
  }
  mapper = std::make_unique<dm::DeviceMapper>(system);
  recorder.set_listener(
      [this](EdgeKind kind, const std::string& label) { script.reached(kind, label); });
}

void Stage::tear_down() {
  mapper.reset();
  for (const auto& disk : disks) disk->remove();
}

int Stage::open(std::string_view name, const void* holder, OpenDevice& opened) {
  opened.holder = holder;
  const int error = system.open(name, holder, opened.bdev);
  return error == ENODEV ? ENXIO : error;  // as the guest's agent has it
}

MadeDisk* Stage::find_disk(std::string_view name) {
  const auto found = std::ranges::find_if(
      disks, [name](const auto& disk) { return disk->description().name == name; });
  return found == disks.end() ? nullptr : found->get();
}

std::shared_ptr<SmallFs> Stage::find_mount(std::string_view point) {
  const auto found = std::ranges::find(mounts.rbegin(), mounts.rend(), point, &Mount::point);
  return found == mounts.rend() ? nullptr : found->file_system;
}

std::shared_ptr<SmallFs> Stage::find_file(std::string_view path, std::string_view& file) {
  for (std::size_t i = mounts.size(); i > 0; --i) {
    const Mount& mount = mounts[i - 1];
    if (!path.starts_with(mount.point) || path.size() <= mount.point.size() ||
        path[mount.point.size()] != '/') {
      continue;
    }
    file = path.substr(mount.point.size() + 1);
    return mount.file_system;
  }
  return nullptr;
}

}  // namespace bioscope::reference
