// SPDX-License-Identifier: Apache-2.0
#include "harness/cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>

#include "harness/cli/commands.h"
#include "harness/report/run_report.h"

namespace bioscope {

int fail_with(const Error& error) {
  fmt::print(stderr, "bioscope: {}\n", error.message);
  return static_cast<int>(error.kind);
}

int run_command_line(int argc, const char* const* argv) {
  CLI::App app("Checks block-device interposers and device-mapper snapshots on real kernels.",
               "bioscope");
  app.require_subcommand(1);
  int status = static_cast<int>(ExitStatus::Passed);
  add_gate_command(app, status);
  add_run_command(app, status);
  add_shrink_command(app, status);
  add_rules_command(app, status);
  add_kernel_command(app, status);
  add_mutants_command(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "bioscope: {}; see bioscope --help\n", error.what());
    return static_cast<int>(ExitStatus::BadInput);
  } catch (const std::exception& error) {
    // Memory, threads: the host's trouble, never a verdict.
    return fail_with({ErrorKind::CouldNotJudge, error.what()});
  }
  return status;
}

}  // namespace bioscope
