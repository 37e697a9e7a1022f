// SPDX-License-Identifier: Apache-2.0
#include "harness/report/bundle.h"

#include <fmt/format.h>

#include "harness/report/json.h"

namespace bioscope {
namespace {

constexpr std::size_t kMaxIdBytes = 120;

std::string run_script(const FindingReport& finding, const ReplayCommand& command) {
  std::string arguments = fmt::format("--on kernel --profile {} --seed {} --strict",
                                      finding.profile, finding.classified.finding.seed);
  if (!command.kernel.empty()) arguments += " --kernel " + shell_quoted(command.kernel);
  if (!command.modules.empty()) arguments += " --modules " + shell_quoted(command.modules);
  // Known findings hold for their own trace only, and the bundle's has another name.
  const bool judged = finding.classified.finding_class != FindingClass::NotJudged;
  return fmt::format(
      "#!/bin/sh\n"
      "# Shows {} again; ends with status {} when it does{}.\n"
      "# BIOSCOPE names another bioscope than the one that found it.\n"
      "cd \"$(dirname \"$0\")\" || exit 3\n"
      "bioscope={}\n"
      "exec \"${{BIOSCOPE:-$bioscope}}\" run trace.trace {} \"$@\"\n",
      to_text(finding.classified.finding.signature), judged ? 1 : 3,
      finding.classified.known_entry == kNoEntry ? "" : ", though it is a known finding",
      shell_quoted(command.program), arguments);
}

}  // namespace

std::string shell_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string bundle_id(const Finding& finding, std::string_view profile) {
  std::string id = fmt::format("{}.{}.{}.{}", finding.trace_name, to_text(finding.signature),
                               profile, finding.seed);
  if (id.size() > kMaxIdBytes) {
    id = id.substr(0, kMaxIdBytes - 17) + "-" + Hash::of(id).hex();
  }
  for (char& c : id) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (!plain) c = '-';
  }
  return id;
}

std::map<std::string, std::string> bundle_files(const RunReport& report, const Bundle& bundle,
                                                const ReplayCommand& command) {
  const FindingReport& finding = bundle.finding;
  std::map<std::string, std::string> files;
  if (finding.is_of_a_trace) {
    files["trace.trace"] = bundle.trace;
    files["history.txt"] = bundle.history;
    files["run.sh"] = run_script(finding, command);
  }
  files["console.log"] = bundle.console;
  if (!bundle.evidence.empty()) files["evidence.log"] = bundle.evidence;
  files["finding.json"] = to_json(finding);
  std::string machine =
      fmt::format("subject    {}\nkernel     {}\nprofile    {}\nseed       {}\n", report.subject,
                  report.kernel.hex(), finding.profile, finding.classified.finding.seed);
  if (finding.boot < report.boots.size()) {
    const BootResult& boot = report.boots[finding.boot];
    machine +=
        fmt::format("initramfs  {}\nqemu       {}\n", boot.initramfs.hex(), boot.command_line);
  }
  files["machine.txt"] = machine;
  return files;
}

}  // namespace bioscope
