// SPDX-License-Identifier: Apache-2.0
// Runs a program many times under schedulers, one schedule each. Reuses its stacks.
#pragma once

#include <memory>
#include <span>

#include "models/runtime/run.h"
#include "models/runtime/sim/scheduler.h"

namespace bioscope::rt::sim {

enum class ClockMode : u8 {
  WhenQuiet,  // time passes only when no thread can run
  Anytime,    // it may pass at any step: the clock is a candidate while a deadline is ahead
};

struct Options {
  u64 max_steps = 1'000'000;
  // A scheduling point stands before every operation. False: not before those that only release
  // (unlock, up_read, up_write, finish_work...). Half the steps, and no deadlock and no order of
  // lock holders is missed; but a try_lock may no longer see a lock held whose holder does nothing
  // else that is visible.
  bool points_before_releases = true;
  // False: a thread goes on until it cannot, or calls yield(); the scheduler chooses only then. One
  // schedule of many, for programs whose threads do not race, at a tenth of the cost.
  bool preemption = true;
  ClockMode clock = ClockMode::WhenQuiet;
  // In each interruptible wait that sleeps, a signal comes with this probability, at a step that
  // the scheduler chooses, unless the wake-up comes first.
  u32 signal_percent = 0;
  bool keep_steps = false;  // for steps()
  std::size_t stack_bytes = 256UL * 1024;
};

class Machine;

// Not thread-safe; several may run at once in threads of their own.
class Simulation {
 public:
  explicit Simulation(const Options& options);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // As rt::run(). What the program uses of the runtime it makes itself, unless a header allows
  // more. REQUIRES: not called from within a run.
  Outcome run(Scheduler& scheduler, Function program);

  // What the last run did, step by step, when Options::keep_steps.
  std::span<const Candidate> steps() const;

 private:
  std::unique_ptr<Machine> machine_;
};

}  // namespace bioscope::rt::sim
