// SPDX-License-Identifier: Apache-2.0
// The one interface behind every choice of a simulated run. A strategy (random, PCT, exhaustive
// search, replay...) is a Scheduler.
#pragma once

#include <span>
#include <string_view>

#include "models/base/chooser.h"
#include "models/runtime/atomic.h"

namespace bioscope::rt::sim {

// What a thread does in its next step.
enum class Action : u8 {
  Start,  // of a thread: runs up to its first operation
  Yield,
  Load,   // an atomic that is read
  Store,  // an atomic that is written
  Lock,
  TryLock,
  Unlock,
  DownRead,
  DownReadTrylock,
  UpRead,
  DownWrite,
  DownWriteTrylock,
  UpWrite,
  DowngradeWrite,
  PrepareToWait,
  WaitEvent,
  WakeUp,
  Complete,
  WaitForCompletion,
  ReadLock,
  ReadUnlock,
  Synchronize,
  QueueWork,
  CancelWork,
  RunWork,
  FinishWork,
  FlushWork,
  Join,
  Signal,
  Sleep,
  Timer,
  DiskSubmit,
  DiskComplete,
  ClockJump,  // of no thread: time passes until the next deadline
};

std::string_view text(Action action);

// A thread that can run, and the one operation on one object that it does next. The step goes on to
// the thread's next operation, so everything between two operations belongs to the first.
struct Candidate {
  u32 thread = 0;  // 0: the clock
  u32 object = 0;  // 0: none. Numbered in the order of creation within the run; what was made
                   // outside of a run has the highest bit set
  Action action = Action::Start;
  Access access = Access::Write;
  bool operator==(const Candidate&) const = default;
};

inline constexpr u32 kNoCandidate = ~0U;

// Not thread-safe. Deterministic: the same answers give the same run.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // A run begins.
  virtual void begin() {}

  // Called before each step, also when there is nothing to choose. `candidates` is not empty; its
  // order is deterministic and otherwise arbitrary. `running`: the index of the thread that ran
  // last, kNoCandidate when it cannot go on: to choose another one is a preemption.
  // Returns an index. Must not call the runtime.
  virtual u32 choose(std::span<const Candidate> candidates, u32 running) = 0;

  // Any other choice in [0, n): the order of a disk's completions, whether a signal comes...
  virtual u32 pick(ChoiceKind kind, u64 site, u32 n) = 0;
};

}  // namespace bioscope::rt::sim
