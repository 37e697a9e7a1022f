// SPDX-License-Identifier: Apache-2.0
// Reads suites and traces from files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/gate/plan.h"
#include "harness/gate/suite.h"
#include "harness/subject/subject.h"
#include "models/base/result.h"
#include "models/trace/trace.h"

namespace bioscope {

// Bad input: the file cannot be read, or as parse_trace(): FILE:LINE:COLUMN, what was expected.
Result<Trace> read_trace(const std::filesystem::path& path);

// Every trace below a folder, sorted by path; the name is the path below it. Bad input: there is
// none, or one cannot be read.
Result<std::vector<Job>> read_traces_below(const std::filesystem::path& folder);

struct LoadedSuite {
  std::string name;  // "smoke", or the file's name without its ending
  Suite suite;
  std::vector<PlanEntry> entries;
};

// `name` is that of a file NAME.suite in `suites`, or the path of a suite file, whose traces are
// then looked for below the folder it lies in. Bad input: no such suite, a line of it that cannot
// be read, or a trace that cannot.
Result<LoadedSuite> load_suite(const std::string& name, const std::filesystem::path& suites);

}  // namespace bioscope
