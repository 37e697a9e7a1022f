// SPDX-License-Identifier: Apache-2.0
// Runs mutants and says which were found, by what, how fast.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/mutants/hunt.h"

namespace bioscope {

struct MutantRunOptions {
  u32 jobs = 1;           // threads of the host
  bool shrink = false;    // also the smallest trace of each find
  u64 confirm_plays = 0;  // of each shrunk trace on the plain reference, with as many seeds
};

struct MutantRow {
  Mutant mutant;
  HuntResult hunt;
  double seconds = 0;  // of the hunt
  std::optional<Trace> shrunk;
  u64 confirmed_plays = 0;  // that the plain reference passed
  u64 failed_plays = 0;     // that it failed: the check is worth nothing
};

struct MutantRun {
  std::vector<MutantRow> rows;  // in the order of the mutants
  // A check that has to fail did: a history was spoilt by hand and the oracle said so. Without it
  // no find and no miss means anything.
  bool canary_found = false;
  std::vector<std::string> left_out;  // traces that the plain reference fails: its own trouble
  bool interrupted = false;
};

// `on_row`, if not empty, hears of each mutant that was done, from the thread that did it.
MutantRun run_mutants(std::span<const Mutant> mutants, std::span<const Job> traces,
                      const PlayVariant& play, const MutantRunOptions& options,
                      const std::function<bool()>& interrupted,
                      const std::function<void(const MutantRow&)>& on_row = {});

// 0: every mutant was found; 1: one was missed, or the plain reference failed somewhere; 3: the
// canary was not found, or nothing was run.
int status_of(const MutantRun& run);

// For people, for machines (JSON), for docs/results (Markdown).
std::string to_text(const MutantRun& run);
std::string to_json(const MutantRun& run);
std::string to_markdown(const MutantRun& run);

}  // namespace bioscope
