// SPDX-License-Identifier: Apache-2.0
// What a real kernel costs in profile det: a boot to the agent's first word, and the traces per
// second that one guest plays after it. Two guests at once, as the gate runs them on two cores,
// give twice that where nothing else runs.
#include <benchmark/benchmark.h>

#include <fstream>
#include <sstream>

#include "harness/cli/house.h"
#include "harness/cli/machine_room.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

constexpr std::size_t kTraces = 60;

Trace suite_trace(const House& house, const std::string& name) {
  std::ifstream in(house.suites / name);
  std::stringstream text;
  text << in.rdbuf();
  return parse_trace(text.str(), name).value();
}

// Case B: a snapshot made as it should be, a 64 KiB origin write with 16 copy-outs, 13 operations.
void PlayCaseB(benchmark::State& state) {
  const auto house = find_house();
  if (!house) return state.SkipWithError(house.error().message.c_str());
  auto room = MachineRoom::open(*house, {}, {"det"}, interrupt_by_signals(), {});
  if (!room) return state.SkipWithError(room.error().message.c_str());
  const Trace trace = suite_trace(*house, "cases/case-b-snapshot-with-suspend.trace");
  const std::vector<BatchJob> jobs(kTraces, BatchJob{{"case-b", trace}, 1});
  double boot_s = 0;
  double play_s = 0;
  for (auto _ : state) {
    const BatchOutcome outcome = room->subject("det").play(jobs, {});
    if (!outcome.trouble.empty() || outcome.boots.size() != 1) {
      return state.SkipWithError(outcome.trouble.c_str());
    }
    const Boot& boot = outcome.boots.front();
    boot_s += static_cast<double>(boot.boot_wall_ms) / 1000;
    play_s += static_cast<double>(boot.wall_ms - boot.boot_wall_ms) / 1000;
  }
  const auto runs = static_cast<double>(state.iterations());
  state.counters["boot_s"] = boot_s / runs;
  state.counters["traces_per_s"] = runs * static_cast<double>(kTraces) / play_s;
}
BENCHMARK(PlayCaseB)->Unit(benchmark::kSecond)->UseRealTime()->Iterations(2);

}  // namespace
}  // namespace bioscope
