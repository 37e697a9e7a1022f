// SPDX-License-Identifier: Apache-2.0
// A simulated thread, and what it can wait for.
#pragma once

#include <array>
#include <cassert>
#include <vector>

#include "models/runtime/run.h"
#include "models/runtime/sim/fiber_switch.h"
#include "models/runtime/sim/scheduler.h"
#include "models/runtime/thread.h"

namespace bioscope::rt::sim {

struct Fiber;

// The fibers whose next operation is on one object, runnable or not. Intrusive.
class FiberList {
 public:
  Fiber* first() const { return first_; }
  bool empty() const { return first_ == nullptr; }
  inline void add(Fiber& fiber);
  inline void remove(Fiber& fiber);

 private:
  Fiber* first_ = nullptr;
};

// What every primitive is made of.
struct Object {
  const char* name = "";
  u32 number = 0;
  FiberList pending;
};

struct Fiber {
  // The step that comes next, and whether it can be taken: then `slot` is its index among the
  // candidates. A running fiber keeps its slot.
  Candidate next;
  u32 number = 0;
  u32 slot = kNoCandidate;

  Object* object = nullptr;  // of the next step, if the fiber can be disabled in it
  Fiber* previous_pending = nullptr;
  Fiber* next_pending = nullptr;
  u64 argument = 0;  // what the object's implementation keeps for this operation

  Context context;
  Function function;
  std::array<char, kThreadNameBytes + 1> name{};
  bool finished = true;
  bool unwinding = false;
  bool background = false;       // a run does not wait for it
  bool idle = false;             // background, waiting for something to do
  bool signalled = false;        // a signal is pending
  bool interruptible = false;    // and would wake it
  Fiber* unwound_for = nullptr;  // who goes on once this has been unwound

  bool (*condition)(void*) = nullptr;  // what it waits for, for the report
  void* condition_context = nullptr;

  Object exit;                      // what joiners wait for
  std::vector<const Object*> held;  // what it has locked
  std::array<void*, kTaskSlots> task_slots{};
};

void FiberList::add(Fiber& fiber) {
  fiber.previous_pending = nullptr;
  fiber.next_pending = first_;
  if (first_ != nullptr) first_->previous_pending = &fiber;
  first_ = &fiber;
}

void FiberList::remove(Fiber& fiber) {
  if (fiber.previous_pending != nullptr) {
    fiber.previous_pending->next_pending = fiber.next_pending;
  } else {
    first_ = fiber.next_pending;
  }
  if (fiber.next_pending != nullptr) {
    fiber.next_pending->previous_pending = fiber.previous_pending;
  }
}

}  // namespace bioscope::rt::sim
