// SPDX-License-Identifier: Apache-2.0
// What the console of a boot says against the kernel. Fails closed: a console that could not be
// scanned is a trouble, and a run with troubles is never passed.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/finding/finding.h"
#include "harness/subject/batch.h"
#include "harness/vm/splat.h"
#include "models/base/result.h"

namespace bioscope {

struct ConsoleJudgement {
  std::vector<Finding> findings;
  std::string trouble;
};

// The splats of one boot of a batch that no entry allows. The kernel's own word of a task that
// hangs, in a trace that is told as hung, and the panic that ended a guest are part of that finding
// and not told twice; a boot whose agent never spoke has told its trouble already.
ConsoleJudgement judge_console(std::span<const BatchJob> jobs, const BatchOutcome& outcome,
                               std::size_t boot, std::span<const Allowance> allowances,
                               std::string_view today);

// Lines that may appear, in suites/allowed-console-lines.json:
//     {"allowed": [{"pattern": "..", "reason": "..", "link": "..", "expiry": "2027-12-31",
//       "scope": "always" | "held-requests"}]}
// Bad input: a missing or malformed file, read as strictly as the known findings.
Result<std::vector<Allowance>> parse_allowances(std::string_view json, const std::string& source);
Result<std::vector<Allowance>> read_allowances(const std::filesystem::path& path);

}  // namespace bioscope
