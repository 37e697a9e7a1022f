// SPDX-License-Identifier: Apache-2.0
// Runs another program to its end, without a shell.
#pragma once

#include <string>
#include <vector>

#include "models/base/result.h"

namespace bioscope {

struct CommandOutput {
  int status = 0;  // exit status; 128 + signal when a signal ended it
  std::string out;
  std::string err;
};

// The program is found on PATH, runs in `directory` (empty: the current one) under LC_ALL=C with
// standard input closed, and is killed when this process dies. Could not judge: it does not start.
Result<CommandOutput> run_command(const std::vector<std::string>& arguments,
                                  const std::string& directory = {});

}  // namespace bioscope
