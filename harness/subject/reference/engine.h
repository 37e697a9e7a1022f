// SPDX-License-Identifier: Apache-2.0
// Plays traces one after the other, with everything that can be used again: fibers, pages, buffers.
#pragma once

#include "harness/subject/reference/player.h"
#include "harness/subject/reference/pools.h"
#include "harness/subject/reference/schedule.h"
#include "models/interposer/variants.h"
#include "models/runtime/sim/simulation.h"

namespace bioscope::reference {

struct EngineOptions {
  bool watch = false;  // tells hops
  u64 max_steps = 0;
};

// Not thread-safe; several may play at once in threads of their own.
class Engine {
 public:
  explicit Engine(const EngineOptions& options);

  // `defects` are switched on meanwhile. `can` of the history is not set.
  History play(const Trace& trace, u64 seed, const DefectSet& defects);

 private:
  struct Run {
    PlayedRun played;
    rt::Outcome outcome;
  };
  Run run(const Trace& trace, u64 seed, std::span<const u32> prescribed, bool lets_go);
  History settle_stuck(const Trace& trace, u64 seed, Run& stuck);

  EngineOptions options_;
  rt::sim::Simulation concurrent_;
  rt::sim::Simulation alone_;  // a single lane: threads give way only when they cannot go on
  Schedule schedule_;
  PagePool pages_;
  BufferPool buffers_;
};

}  // namespace bioscope::reference
