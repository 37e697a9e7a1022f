// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/modules.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

#include "vm-images/agent/files.h"

namespace bioscope {

Result<void> load_module(const std::string& path, const std::string& options) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    return could_not_judge(
        fmt::format("the guest has no module {}, which stands in /modules.list", path));
  }
  if (syscall(SYS_finit_module, file.fd(), options.c_str(), 0) != 0 && errno != EEXIST) {
    return could_not_judge(
        fmt::format("the guest's kernel does not take module {} ({}); its reason is on the console",
                    path, strerror(errno)));
  }
  return {};
}

bool uses_xfs(const Trace& trace) {
  return std::ranges::any_of(trace.lanes, [](const Lane& lane) {
    return std::ranges::any_of(lane.operations, [](const Operation& operation) {
      const bool names_type =
          operation.kind == OperationKind::Mkfs || operation.kind == OperationKind::Mount;
      return names_type && (operation.word == "xfs" || operation.text == "xfs");
    });
  });
}

Modules::Group Modules::group_of(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name == "xfs.ko") return Group::Xfs;
  if (name.starts_with("scsi_") || name == "sd_mod.ko") return Group::Scsi;
  return Group::Boot;
}

Modules Modules::read_list() {
  Modules modules;
  std::istringstream lines(read_file("/modules.list"));
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    Entry entry;
    if (!(words >> entry.path) || entry.path[0] == '#') continue;
    std::getline(words >> std::ws, entry.options);
    if (entry.path.ends_with("/scsi_debug.ko")) {
      modules.scsi_debug_path_ = entry.path;
      continue;
    }
    entry.group = group_of(entry.path);
    modules.entries_.push_back(std::move(entry));
  }
  return modules;
}

bool Modules::has(Group group) const {
  return std::ranges::find(entries_, group, &Entry::group) != entries_.end();
}

Result<void> Modules::load(Group group) {
  for (Entry& entry : entries_) {
    if (entry.group != group || entry.loaded) continue;
    if (auto done = load_module(entry.path, entry.options); !done) return done;
    entry.loaded = true;
  }
  return {};
}

Result<void> Modules::load_at_boot() {
  return load(Group::Boot);
}

Result<void> Modules::load_for(const Trace& trace) {
  const bool has_scsi_disk =
      std::ranges::find(trace.disks, DiskKind::Scsi, &Disk::kind) != trace.disks.end();
  if (has_scsi_disk) {
    if (auto done = load(Group::Scsi); !done) return done;
  }
  if (!uses_xfs(trace)) return {};
  if (!has(Group::Xfs) && read_file("/proc/filesystems").find("\txfs\n") == std::string::npos) {
    return could_not_judge("the trace needs xfs, and the guest was not given xfs.ko");
  }
  return load(Group::Xfs);
}

}  // namespace bioscope
