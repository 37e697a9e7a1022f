// SPDX-License-Identifier: Apache-2.0
// Runs a program of the initramfs and takes what it says.
#pragma once

#include <string>
#include <vector>

namespace bioscope {

struct CommandResult {
  int exit_status = -1;  // -1: could not be started, or a signal ended it
  std::string output;    // both streams, up to 1 MiB
};

CommandResult run_command(const std::vector<std::string>& arguments);

}  // namespace bioscope
