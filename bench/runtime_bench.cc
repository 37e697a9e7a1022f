// SPDX-License-Identifier: Apache-2.0
// What a step of the simulated runtime costs: the budget of every search for races.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>

#include "models/runtime/mutex.h"
#include "models/runtime/sim/chooser_scheduler.h"
#include "models/runtime/sim/fiber_switch.h"
#include "models/runtime/sim/simulation.h"
#include "models/runtime/thread.h"

namespace bioscope::rt::sim {
namespace {

// Every other step another thread: two threads that take turns.
class RoundRobin final : public Scheduler {
 public:
  u32 choose(std::span<const Candidate> candidates, u32 running) override {
    const u32 next = running == kNoCandidate ? 0 : running + 1;
    return next < candidates.size() ? next : 0;
  }
  u32 pick(ChoiceKind /*kind*/, u64 /*site*/, u32 /*n*/) override { return 0; }
};

constexpr int kYields = 1000;

void FiberSwitch(benchmark::State& state) {
  Options options;
  options.max_steps = ~0ULL;
  Simulation simulation(options);
  RoundRobin scheduler;
  u64 steps = 0;
  for (auto _ : state) {
    const Outcome outcome = simulation.run(scheduler, [] {
      Thread other("other", [] {
        for (int i = 0; i < kYields; ++i) yield();
      });
      for (int i = 0; i < kYields; ++i) yield();
    });
    steps += outcome.steps;
  }
  state.counters["per_step"] = benchmark::Counter(
      static_cast<double>(steps), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(FiberSwitch);

void MutexUncontended(benchmark::State& state) {
  Options options;
  options.max_steps = ~0ULL;
  options.preemption = state.range(0) != 0;
  Simulation simulation(options);
  Chooser chooser(1);
  ChooserScheduler scheduler(chooser);
  simulation.run(scheduler, [&] {
    Mutex mutex;
    for (auto _ : state) {
      mutex.lock();
      mutex.unlock();
    }
  });
}
BENCHMARK(MutexUncontended)->ArgName("preemption")->Arg(1)->Arg(0);

// What a run costs that does nothing.
void EmptyRun(benchmark::State& state) {
  Simulation simulation(Options{});
  Chooser chooser(1);
  ChooserScheduler scheduler(chooser);
  for (auto _ : state) {
    chooser.restart(1);
    benchmark::DoNotOptimize(simulation.run(scheduler, [] {}));
  }
}
BENCHMARK(EmptyRun);

// 3 lanes x 10 lock/increment/unlock under random schedules, one execution an iteration.
void ThreeLanes(benchmark::State& state) {
  Options options;
  options.points_before_releases = state.range(0) != 0;
  Simulation simulation(options);
  u64 seed = 0;
  u64 steps = 0;
  for (auto _ : state) {
    Chooser chooser(++seed);
    ChooserScheduler scheduler(chooser);
    const Outcome outcome = simulation.run(scheduler, [] {
      Mutex mutex;
      int value = 0;
      const auto lane = [&] {
        for (int i = 0; i < 10; ++i) {
          mutex.lock();
          ++value;
          mutex.unlock();
        }
      };
      Thread a("a", lane);
      Thread b("b", lane);
      Thread c("c", lane);
    });
    steps += outcome.steps;
  }
  state.counters["executions"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  state.counters["per_step"] = benchmark::Counter(
      static_cast<double>(steps), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(ThreeLanes)->ArgName("points_before_releases")->Arg(1)->Arg(0);

}  // namespace
}  // namespace bioscope::rt::sim
