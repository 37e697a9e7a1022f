// SPDX-License-Identifier: Apache-2.0
// Looks for one mutant as a user of the suites would: plays traces on the reference with the defect
// planted and judges them. Each find is held against the plain reference: what it shows as well is
// no find.
//
// The order of plays, the same for ever:
//   1  the given traces that the plain reference passes, with their own seed: the mutant's witness
//      (NAME.trace) first, then those that name its target type
//   2  then in turn a generated trace and one of the given traces with a further seed
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/finding/finding.h"
#include "harness/mutants/catalogue.h"
#include "harness/subject/subject.h"
#include "models/base/result.h"
#include "models/trace/trace.h"

namespace bioscope {

// Plays `trace` with its seed as schedule on the reference. Thread-safe.
using PlayVariant = std::function<Result<History>(const Job& job, const DefectSet& defects)>;

struct Find {
  Job job;             // its trace's seed is that of the schedule
  Finding finding;     // the first violation
  u64 plays = 0;       // needed, the finding one included
  u64 first_seed = 0;  // of the trace as it was chosen
};

struct HuntResult {
  std::optional<Find> find;  // nothing: missed within its budget
  u64 plays = 0;
  u64 not_judged = 0;      // plays that decided nothing
  u64 plain_failures = 0;  // traces that showed something on the plain reference as well
  std::string trouble;     // the first of these
};

// Those that the plain reference passes: what the others show tells nothing of a mutant.
std::vector<Job> passed_by_plain(std::span<const Job> traces, const PlayVariant& play);

HuntResult hunt(const Mutant& mutant, std::span<const Job> traces, const PlayVariant& play);

// Violations of one play; empty when it was right, or could not be judged.
std::vector<Finding> violations_of(const Job& job, const Result<History>& history);

// The smallest trace that shows the find, with the mutant planted.
Trace shrink_find(const Find& find, const DefectSet& defects, const PlayVariant& play);

}  // namespace bioscope
