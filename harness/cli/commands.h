// SPDX-License-Identifier: Apache-2.0
// The sub-commands, a file each. add_..._command() declares one on the parser; when it was chosen
// its callback stores the exit status of the contract (docs/GATE.md) in `status`.
#pragma once

#include <CLI/CLI.hpp>

namespace bioscope {

void add_gate_command(CLI::App& app, int& status);
void add_run_command(CLI::App& app, int& status);
void add_shrink_command(CLI::App& app, int& status);
void add_rules_command(CLI::App& app, int& status);
void add_kernel_command(CLI::App& app, int& status);
void add_mutants_command(CLI::App& app, int& status);

}  // namespace bioscope
