// SPDX-License-Identifier: Apache-2.0
// The command line of bioscope, apart from main() so that tests can call it.
#pragma once

#include "models/base/result.h"

namespace bioscope {

// Parses, runs the chosen sub-command and returns the exit status of the contract. Bad usage is
// status 2 and one sentence on standard error.
int run_command_line(int argc, const char* const* argv);

// Says the error on standard error, as one sentence, and returns its exit status.
int fail_with(const Error& error);

}  // namespace bioscope
