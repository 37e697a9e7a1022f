// SPDX-License-Identifier: Apache-2.0
// How a run ended. Deadlock and livelock are values, with who waits for whom on what.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/base/types.h"

namespace bioscope::rt {

enum class End : u8 {
  Finished,   // every thread returned
  Deadlock,   // no thread can run, and no clock will wake one
  StepBound,  // more steps than allowed: a livelock, or a bound that is too low
  Failed,     // fail() was called, or a primitive was misused
};

// A thread that had not returned when the run was stopped.
struct Waiting {
  u32 thread = 0;
  std::string thread_name;
  std::string action;             // "lock", "down_read", "wait_event"...
  std::string object;             // name and number: "suspend_lock#3"
  std::vector<u32> holders;       // threads that hold it, as far as it can be known
  std::optional<bool> condition;  // of wait_event: what it is now
  bool blocked = false;           // false: it could have gone on (at a step bound)
};

struct Outcome {
  End end = End::Finished;
  std::string message;           // of Failed
  std::vector<Waiting> waiting;  // empty when finished
  std::vector<u32> cycle;        // threads, each waiting for the next, the last for the first
  u64 steps = 0;                 // sim only
  u64 schedule_hash = 0;         // sim only: of every step's thread, action and object

  // A thread sleeps on a condition that is true: whoever made it true did not wake it.
  bool lost_wake_up() const;
};

// Some lines of text for a person.
std::string describe(const Outcome& outcome);

}  // namespace bioscope::rt
