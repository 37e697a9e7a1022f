// SPDX-License-Identifier: Apache-2.0
// What is planted to test the harness: every defect of the reference (models/interposer), what has
// to find it and how long that may look.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/base/result.h"
#include "models/interposer/variants.h"

namespace bioscope {

// What has to find a mutant.
enum class MutantCheck : u8 {
  Traces,     // the oracle, over witnesses, the suites' traces and generated ones
  Scenarios,  // a program on the block core, the DM core or a target: the *_mutants_test of
              // models/interposer, which name one for every defect
};

struct Mutant {
  DefectInfo info;
  MutantCheck check = MutantCheck::Traces;
  u64 budget_plays = 0;  // found within so many plays, or it counts as missed
};

// All of them, in the order of models/interposer/defects.inc.
std::vector<Mutant> mutant_catalogue();

// Bad input: a name that no mutant has. No names: all.
Result<std::vector<Mutant>> choose_mutants(std::span<const std::string> names);

std::string_view word_of(MutantCheck check);

}  // namespace bioscope
