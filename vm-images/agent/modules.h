// SPDX-License-Identifier: Apache-2.0
// The modules that the host has put into the guest. What every trace may need is loaded at boot;
// what few need and costs much (xfs: a third of a boot) waits for the first trace that needs it.
#pragma once

#include <string>
#include <vector>

#include "models/base/result.h"
#include "models/trace/trace.h"

namespace bioscope {

// finit_module; a module that is there already is no error.
Result<void> load_module(const std::string& path, const std::string& options);

class Modules {
 public:
  // Reads /modules.list: a path, then options, one module a line, dependencies first.
  static Modules read_list();

  Result<void> load_at_boot();
  // An Error (CouldNotJudge): the trace needs a module that the guest was not given.
  Result<void> load_for(const Trace& trace);

  // scsi_debug is loaded anew for each trace, with the parameters of its disks. Empty: not listed.
  const std::string& scsi_debug_path() const { return scsi_debug_path_; }

 private:
  enum class Group { Boot, Xfs, Scsi };
  struct Entry {
    std::string path;
    std::string options;
    Group group = Group::Boot;
    bool loaded = false;
  };
  static Group group_of(const std::string& path);
  Result<void> load(Group group);
  bool has(Group group) const;

  std::vector<Entry> entries_;
  std::string scsi_debug_path_;
};

// Whether the trace makes, checks or mounts an xfs.
bool uses_xfs(const Trace& trace);

}  // namespace bioscope
