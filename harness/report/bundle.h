// SPDX-License-Identifier: Apache-2.0
// repro/<id>/: a folder that shows one finding again. trace.trace, finding.json, history.txt,
// console.log, machine.txt (QEMU's command line; hashes of kernel and initramfs), after a hang
// evidence.log (what was called up from outside) and, unless it shows outside of any trace, run.sh.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/report/run_report.h"

namespace bioscope {

struct Bundle {
  FindingReport finding;
  std::string trace;    // in text form
  std::string history;  // one line an event
  std::string console;  // of the boot that showed it
  std::string evidence = {};
};

// How run.sh calls bioscope; empty is left out.
struct ReplayCommand {
  std::string program;  // the bioscope that made the bundle; BIOSCOPE overrides it
  std::string kernel;   // --kernel
  std::string modules;  // --modules
};

// File name -> contents.
std::map<std::string, std::string> bundle_files(const RunReport& report, const Bundle& bundle,
                                                const ReplayCommand& command);

// A folder name from trace, signature and seed: letters, digits, '-', '_' and '.' only.
std::string bundle_id(const Finding& finding, std::string_view profile);

// In single quotes for a POSIX shell.
std::string shell_quoted(std::string_view text);

}  // namespace bioscope
