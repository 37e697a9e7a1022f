// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/engine.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "harness/subject/reference/hop_watcher.h"
#include "models/trace/codec.h"

namespace bioscope::reference {
namespace {

// Switched on for a run, off afterwards.
class Planted {
 public:
#ifdef BIOSCOPE_VARIANTS
  explicit Planted(const DefectSet& defects) { planted_defects = defects; }
  ~Planted() { planted_defects = {}; }
#else
  explicit Planted(const DefectSet& /*defects*/) {}
#endif
  Planted(const Planted&) = delete;
  Planted& operator=(const Planted&) = delete;
};

rt::sim::Options machine_options(const EngineOptions& options, bool preemption) {
  rt::sim::Options made;
  made.preemption = preemption;
  if (options.max_steps != 0) made.max_steps = options.max_steps;
  return made;
}

// The seed has something to decide: lanes, or operations that go on beside them.
bool is_concurrent(const Trace& trace) {
  if (trace.lanes.size() > 1) return true;
  return std::ranges::any_of(trace.lanes, [](const Lane& lane) {
    return std::ranges::any_of(lane.operations, &Operation::async);
  });
}

History with_end(History history, HistoryEnd end, std::string note) {
  history.end = end;
  history.note = std::move(note);
  return history;
}

}  // namespace

Engine::Engine(const EngineOptions& options)
    : options_(options),
      concurrent_(machine_options(options, /*preemption=*/true)),
      alone_(machine_options(options, /*preemption=*/false)) {}

Engine::Run Engine::run(const Trace& trace, u64 seed, std::span<const u32> prescribed,
                        bool lets_go) {
  Run made;
  std::optional<HopWatcher> watcher;
  if (options_.watch) watcher.emplace(made.played.history);
  const PlayerParts parts{trace,  schedule_, pages_, buffers_, watcher ? &*watcher : nullptr,
                          lets_go};
  schedule_.start(seed, prescribed);
  rt::sim::Simulation& simulation = is_concurrent(trace) ? concurrent_ : alone_;
  made.outcome = simulation.run(schedule_, [&] {
    Player player(parts, made.played);
    player.run();
  });
  return made;
}

History Engine::play(const Trace& trace, u64 seed, const DefectSet& defects) {
  const Planted planted(defects);
  Run made = run(trace, seed, trace.choices.schedule, /*lets_go=*/false);
  if (made.outcome.end == rt::End::Deadlock) return settle_stuck(trace, seed, made);
  History& history = made.played.history;
  history.trace = hash_of(trace);
  switch (made.outcome.end) {
    case rt::End::Finished:
    case rt::End::Deadlock:
      break;
    case rt::End::StepBound:
      return with_end(std::move(history), HistoryEnd::Hung, rt::describe(made.outcome));
    case rt::End::Failed:
      return with_end(std::move(history), HistoryEnd::Crashed, made.outcome.message);
  }
  return std::move(history);
}

// The same choices once more, and when it is stuck it is let go.
History Engine::settle_stuck(const Trace& trace, u64 seed, Run& stuck) {
  const std::vector<u32> choices = schedule_.taken();
  Run again = run(trace, seed, choices, /*lets_go=*/true);
  stuck.played.history.trace = again.played.history.trace = hash_of(trace);
  switch (again.outcome.end) {
    case rt::End::Finished:
      if (!again.played.waited_for_itself) return std::move(again.played.history);
      return with_end(std::move(stuck.played.history), HistoryEnd::NotJudged,
                      "an operation came back only after held requests had been released and "
                      "suspended devices resumed; the trace waits for itself\n" +
                          rt::describe(stuck.outcome));
    case rt::End::Failed:
      return with_end(std::move(again.played.history), HistoryEnd::Crashed, again.outcome.message);
    case rt::End::Deadlock:
    case rt::End::StepBound:
      break;
  }
  return with_end(std::move(stuck.played.history), HistoryEnd::Hung,
                  (stuck.played.cleaning ? "after the trace, while it was cleaned up: " : "") +
                      rt::describe(stuck.outcome));
}

}  // namespace bioscope::reference
