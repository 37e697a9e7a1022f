// SPDX-License-Identifier: Apache-2.0
#include "harness/mutants/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bioscope {
namespace {

constexpr u64 kBudgetPlays = 400;

// Those that only an interleaving shows.
constexpr std::array<Defect, 0> kNeedSchedules{};

}  // namespace

std::vector<Mutant> mutant_catalogue() {
  std::vector<Mutant> mutants;
  for (const DefectInfo& info : defect_table()) {
    Mutant mutant{info, MutantCheck::Traces, kBudgetPlays};
    if (std::ranges::find(kNeedSchedules, info.defect) != kNeedSchedules.end()) {
      mutant.check = MutantCheck::Schedules;
    }
    mutants.push_back(mutant);
  }
  return mutants;
}

Result<std::vector<Mutant>> choose_mutants(std::span<const std::string> names) {
  std::vector<Mutant> all = mutant_catalogue();
  if (names.empty()) return all;
  std::vector<Mutant> chosen;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(all, name, [](const Mutant& m) { return m.info.name; });
    if (found == all.end()) {
      return bad_input(
          fmt::format("there is no mutant '{}': bioscope mutants list names them", name));
    }
    chosen.push_back(*found);
  }
  return chosen;
}

std::string_view word_of(MutantCheck check) {
  return check == MutantCheck::Traces ? "traces" : "schedules";
}

}  // namespace bioscope
