// SPDX-License-Identifier: Apache-2.0
// Which thread goes on: what the trace prescribes, then the seed. Besides, threads that wait until
// nothing else can run.
//
// Invariants:
//   S1  A choice depends on the threads that can run and not on their order in the machine nor on
//       who waits for quiet: so a run can be repeated with one more thread that only looks on.
//   S2  A thread of a higher rank is chosen only when none of a lower one can run, and before time
//       passes.
#pragma once

#include <span>
#include <vector>

#include "models/base/chooser.h"
#include "models/runtime/sim/scheduler.h"

namespace bioscope::reference {

class Schedule final : public rt::sim::Scheduler {
 public:
  // What is waited for. A lane that has handed an operation over goes on before the supervisor.
  enum class Rank : u8 { Ordinary, HandOver, Supervisor };

  void start(u64 seed, std::span<const u32> prescribed);
  // Every choice of the run so far.
  std::vector<u32> taken() const { return chooser_.taken(ChoiceKind::Schedule); }

  u32 choose(std::span<const rt::sim::Candidate> candidates, u32 running) override;
  u32 pick(ChoiceKind kind, u64 site, u32 n) override;

  // Gives way until nothing of a lower rank can run, or promote() was called for this thread.
  // Called from within the run.
  void wait_for_quiet(Rank rank);
  void promote(u32 thread);

 private:
  struct Waiter {
    u32 thread;
    Rank rank;
  };
  Rank rank_of(u32 thread) const;

  Chooser chooser_{0};
  std::vector<Waiter> waiters_;
  std::vector<u32> eligible_;  // indices of candidates
};

}  // namespace bioscope::reference
