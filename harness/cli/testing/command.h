// SPDX-License-Identifier: Apache-2.0
// Runs the built bioscope as a user does: a process of its own, its output, its status, and what
// it leaves behind.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace bioscope {

struct CommandEnd {
  int status = -1;  // exit status; 128 + signal
  std::string out;
  std::string err;
};

struct CommandSetting {
  std::filesystem::path program;  // another one than what was built
  std::filesystem::path directory;
  std::map<std::string, std::string> environment;  // added to this process's own
  std::filesystem::path small_disk;  // a folder that has room for 16 KiB; may be empty
  // Called once, with the process id, when standard error has shown `until`.
  std::string until;
  std::function<void(pid_t)> then;
};

CommandEnd run_bioscope(const std::vector<std::string>& arguments, const CommandSetting& setting);

// Processes that descend from `ancestor` (while it lives) and whose name starts with `name`.
std::vector<pid_t> descendants(pid_t ancestor, const std::string& name);

}  // namespace bioscope
