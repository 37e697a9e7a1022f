// SPDX-License-Identifier: Apache-2.0
// A suite file says what the gate plays: which traces, how often, how many random ones. One
// statement a line, `#` starts a comment:
//
//   trace GLOB [seeds=N]           plays the matching traces; of two lines that match, the later
//   one
//                                  gives the seeds
//   alone GLOB                     the matching traces leave a guest unusable: a boot of their own
//   io-errors GLOB                 the matching traces make the kernel report I/O errors, full
//                                  snapshots and the like: the splat scan allows these there
//   random COUNT [operations=N] [seed=N]
//                                  plays COUNT generated traces of at most N operations, the first
//                                  from this seed (default: the gate's own)
//   profile det|smp                plays everything in this profile; may stand twice
//
// A glob is matched against the path below suites/; `*` stands for any characters but '/'. What
// matches no trace is an error: a renamed trace must not drop out of a suite unseen.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/base/result.h"
#include "models/trace/trace.h"

namespace bioscope {

inline constexpr u32 kMaxSuiteSeeds = 100'000;
inline constexpr u32 kMaxSuiteRandom = 1'000'000;

struct SuitePattern {
  std::string glob;
  u32 seeds = 1;
  bool operator==(const SuitePattern&) const = default;
};

struct Suite {
  std::vector<SuitePattern> traces;
  std::vector<std::string> alone;
  std::vector<std::string> io_errors;
  u32 random_count = 0;
  u32 random_operations = 0;          // 0: the generator's own bound
  std::optional<u64> random_seed;     // nothing: the gate's --seed
  std::vector<std::string> profiles;  // "det", "smp"; never empty after parse_suite
  bool operator==(const Suite&) const = default;
};

// `name` stands in error messages: "smoke.suite:3: expected ...".
Result<Suite> parse_suite(std::string_view text, std::string_view name);

struct PlannedTrace {
  std::string path;        // below suites/
  u32 seeds = 1;           // how often it is played if its lanes can interleave
  bool alone = false;      // in a boot of its own
  bool io_errors = false;  // for SplatPolicy::traces_that_fail_io
  bool operator==(const PlannedTrace&) const = default;
};

// What `suite` chooses of `available` (paths below suites/), sorted by path. BadInput when a
// pattern matches nothing, or nothing at all is chosen.
Result<std::vector<PlannedTrace>> plan_traces(const Suite& suite,
                                              std::span<const std::string> available);

// A trace of one lane has one interleaving of lanes: it is played once.
u32 seeds_for(const PlannedTrace& planned, const Trace& trace);

bool matches_glob(std::string_view glob, std::string_view path);

}  // namespace bioscope
