// SPDX-License-Identifier: Apache-2.0
// Each planted defect of the snapshot targets is found by a scenario of the tests beside; they pass
// without it, in this build as well.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/variants.h"
#include "models/runtime/test_runs.h"

namespace bioscope {

void PrintTo(const DefectInfo& defect, std::ostream* out) {
  *out << defect.name;
}

namespace dm {
namespace {

// The scenario that finds what is planted, empty: none does.
std::string find(u64 seeds) {
  for (u64 seed = 1; seed <= seeds; ++seed) {
    for (const auto& [name, scenario] : blk::testing::scenarios()) {
      const rt::Outcome outcome = rt::run({.seed = seed, .max_steps = 200'000}, scenario);
      if (outcome.end != rt::End::Finished) {
        return std::string(name) + " (seed " + std::to_string(seed) + "): " + describe(outcome);
      }
    }
  }
  return {};
}

class SnapshotMutant : public ::testing::TestWithParam<DefectInfo> {};

TEST_P(SnapshotMutant, IsFound) {
  planted_defects.set(static_cast<std::size_t>(GetParam().defect));
  const std::string found = find(rt::kTestRuns);
  planted_defects.reset();
  EXPECT_FALSE(found.empty()) << "nothing finds " << GetParam().name << ": " << GetParam().what;
  RecordProperty("found_by", found);
}

std::vector<DefectInfo> snapshot_defects() {
  std::vector<DefectInfo> defects;
  for (const DefectInfo& each : defect_table()) {
    if (each.where.starts_with("snapshot")) defects.push_back(each);
  }
  return defects;
}

INSTANTIATE_TEST_SUITE_P(All, SnapshotMutant, ::testing::ValuesIn(snapshot_defects()),
                         [](const auto& each) {
                           std::string name;
                           for (const char letter : each.param.name) {
                             name += letter == '-' ? '_' : letter;
                           }
                           return name;
                         });

}  // namespace
}  // namespace dm
}  // namespace bioscope
