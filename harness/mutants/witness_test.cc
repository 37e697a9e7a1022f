// SPDX-License-Identifier: Apache-2.0
// The smallest traces that show the posted patches' defects: each shows its own, and the plain
// reference passes it under many schedules.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "harness/mutants/isolated.h"
#include "harness/subject/reference/reference_subject.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

namespace fs = std::filesystem;

const fs::path kWitnesses = "harness/mutants/witnesses";
constexpr u64 kVariantSeeds = 20;
constexpr u64 kPlainSeeds = 200;
constexpr std::size_t kMostOperations = 12;

Job read_witness(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  auto trace = parse_trace(text.str(), path.string());
  EXPECT_TRUE(trace) << trace.error().message;
  return {path.filename().string(), trace.value_or(Trace{})};
}

class Witness : public testing::TestWithParam<fs::path> {
 protected:
  Job with_seed(u64 seed) const {
    Job job = witness_;
    job.trace.seed = seed;
    return job;
  }

  const Job witness_ = read_witness(GetParam());
  ReferenceSubject subject_{{.watch = true}};
  const PlayVariant play_ = isolated([this](const Job& job, const DefectSet& defects) {
    return subject_.play(job, job.trace.seed, defects);
  });
};

TEST_P(Witness, ShowsItsDefect) {
  EXPECT_LE(operation_count(witness_.trace), kMostOperations);
  const DefectSet defect = find_variant(GetParam().stem().string());
  ASSERT_TRUE(defect.any()) << "there is no variant " << GetParam().stem();
  bool found = false;
  for (u64 seed = 1; seed <= kVariantSeeds && !found; ++seed) {
    found = !violations_of(with_seed(seed), play_(with_seed(seed), defect)).empty();
  }
  EXPECT_TRUE(found);
}

TEST_P(Witness, ThePlainReferencePassesIt) {
  for (u64 seed = 1; seed <= kPlainSeeds; ++seed) {
    const auto history = play_(with_seed(seed), DefectSet{});
    ASSERT_TRUE(history) << history.error().message;
    const auto found = violations_of(with_seed(seed), history);
    ASSERT_TRUE(found.empty()) << "seed " << seed << ": " << found.front().message;
  }
}

std::vector<fs::path> witnesses() {
  std::vector<fs::path> paths;
  std::error_code elsewhere;  // without any the suite fails: it is never instantiated
  for (const auto& entry : fs::directory_iterator(kWitnesses, elsewhere)) {
    paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

INSTANTIATE_TEST_SUITE_P(Mutants, Witness, testing::ValuesIn(witnesses()), [](const auto& one) {
  std::string name = one.param.stem().string();
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace bioscope
