// SPDX-License-Identifier: Apache-2.0
// What judging costs: the generator asks the specification at every step, and the gate, a fuzzer
// and a farm judge every history with it.
#include <benchmark/benchmark.h>

#include "harness/check/oracle.h"
#include "harness/generate/random.h"
#include "harness/subject/spec_subject.h"

namespace bioscope {
namespace {

constexpr u64 kSeeds = 64;

struct Played {
  Trace trace;
  History history;
};

std::vector<Played> played_traces() {
  std::vector<Played> played;
  SpecSubject subject;
  for (u64 seed = 0; seed < kSeeds; ++seed) {
    const Trace trace = generate(seed, {});
    if (auto history = subject.play({"bench", trace})) played.push_back({trace, *history});
  }
  return played;
}

void GenerateTrace(benchmark::State& state) {
  u64 seed = 0;
  u64 operations = 0;
  for (auto _ : state) operations += operation_count(generate(seed++ % kSeeds, {}));
  state.counters["operations"] =
      benchmark::Counter(static_cast<double>(operations), benchmark::Counter::kAvgIterations);
}
BENCHMARK(GenerateTrace);

void JudgeHistory(benchmark::State& state) {
  const std::vector<Played> played = played_traces();
  std::size_t next = 0;
  u64 operations = 0;
  for (auto _ : state) {
    const Played& one = played[next++ % played.size()];
    benchmark::DoNotOptimize(check_history("bench", one.trace, one.history));
    operations += operation_count(one.trace);
  }
  state.counters["operations"] =
      benchmark::Counter(static_cast<double>(operations), benchmark::Counter::kAvgIterations);
}
BENCHMARK(JudgeHistory);

}  // namespace
}  // namespace bioscope
