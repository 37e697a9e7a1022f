// SPDX-License-Identifier: Apache-2.0
// The simulated machine: fibers, of which one runs at a time, and the scheduler that says which.
// For the primitives of this folder only.
//
// Invariants:
//   M1  A fiber gives way only in point(), await(), await_work() and when it ends.
//   M2  Before each operation a fiber says what it is about to do. It is a candidate exactly while
//       that operation could be carried out at once; so a chosen operation never blocks.
//   M3  A primitive that changes an object enables or disables the fibers pending on it in the same
//       step, through enable().
//   M4  Once the run is stopped no primitive touches an object any more: its owner's stack may have
//       been unwound. Operations throw Unwind, those that only release return.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/runtime/outcome.h"
#include "models/runtime/sim/fiber.h"
#include "models/runtime/sim/scheduler.h"
#include "models/runtime/sim/simulation.h"
#include "models/runtime/sim/virtual_clock.h"

namespace bioscope::rt::sim {

struct Unwind {};  // what is thrown on the stacks of a stopped run

class Machine {
 public:
  explicit Machine(const Options& options);
  ~Machine();

  // The machine that the calling code runs on. Ends the process outside of a run.
  static Machine& current();
  static Machine* current_or_null() { return current_machine_; }

  Outcome run(Scheduler& scheduler, Function program);
  const std::vector<Candidate>& steps() const { return steps_; }
  const Options& options() const { return options_; }

  Fiber& running() { return *running_; }
  Object make_object(const char* name) { return {name, next_number(), {}}; }
  static u32 next_object_number();
  Fiber& spawn(std::string_view name, Function function, bool background = false);

  // A step that is always possible. The operation's effect follows it. False: the operation must
  // have no effect, since the run is stopped and the fiber unwinds, or somebody only looks.
  bool point(u32 object, Action action, Access access = Access::Write);
  // As point(), before an operation that only releases: never throws.
  [[nodiscard]] bool release_point(u32 object, Action action);
  // As point(), but the step is possible only while the fiber is enabled.
  [[nodiscard]] bool await(Object& object, Action action, bool enabled, u64 argument = 0);
  // As await(), for background fibers; false when the run is over: the fiber has to return.
  [[nodiscard]] bool await_work(Object& object, Action action, bool enabled);
  void enable(Fiber& fiber, bool enabled);
  template <typename Predicate>
  void enable_pending(Object& object, Predicate&& predicate) {
    for (Fiber* each = object.pending.first(); each != nullptr; each = each->next_pending) {
      enable(*each, predicate(*each));
    }
  }

  // Until `fiber` has ended. Never throws.
  void join(Fiber& fiber);
  // Makes `fiber` end before the objects that it uses do. REQUIRES: stopped().
  void finish_unwinding(Fiber& fiber);
  // For destructors that wait: what is thrown in a stopped run is thrown by the next operation.
  template <typename Wait>
  void without_unwinding(Wait&& wait) {
    try {
      wait();
    } catch (const Unwind&) {
      running_->unwinding = false;
    }
  }

  // For the report of a deadlock only.
  void hold(const Object& object) { running_->held.push_back(&object); }
  void drop(const Object& object);

  bool stopped() const { return stopped_; }
  // Only looking: operations are no steps (a condition is evaluated for a report).
  bool looking() const { return looking_; }
  // Records a failure; the next operation of each fiber throws.
  void fail(std::string message);
  // Throws if the run is stopped, once per fiber. False: it is, and this fiber is unwinding.
  bool alive() {
    if (!stopped_) [[likely]]
      return true;
    return unwind();
  }

  u32 pick(ChoiceKind kind, u64 site, u32 n) { return scheduler_->pick(kind, site, n); }

  VirtualClock& clock() { return clock_; }
  void sleep(u64 duration_ms);
  // To be called when an alarm was armed or disarmed.
  void clock_changed() { enable(clock_fiber_, anytime_ && !clock_.empty()); }
  // The fiber that calls the functions of timers; made when it is first asked for.
  Fiber& timer_fiber();
  std::vector<TimerState*>& due_timers() { return due_timers_; }

 private:
  u32 next_number() { return ++last_number_; }
  bool unwind();
  void announce(u32 object, Action action, Access access);
  void count_step(const Candidate& step);
  bool goes_on(u32 object, Action action);
  void reschedule();
  Fiber* next();  // null: the run is stopped
  void advance_clock();
  void stop(End end, std::string message);
  void report_waiting();
  Waiting waiting(Fiber& fiber);
  std::vector<u32> holders(const Object& object) const;
  void find_cycle();
  void switch_to(Fiber& fiber);
  static void enter_fiber();
  [[noreturn]] void end_fiber();
  Fiber* next_to_unwind();
  void serve_timers();

  static thread_local Machine* current_machine_;
  static thread_local u32 last_outside_number_;

  Options options_;
  bool anytime_;
  bool stopped_ = false;
  bool closing_ = false;  // stopped since all is done
  bool looking_ = false;
  u64 step_ = 0;
  u64 hash_ = 0;
  std::vector<Candidate> candidates_;
  std::vector<Fiber*> candidate_fibers_;
  Fiber* running_ = nullptr;
  Scheduler* scheduler_ = nullptr;
  u32 last_number_ = 0;
  u32 live_fibers_ = 0;  // started, not ended, not in the background
  u32 spawned_ = 0;
  std::vector<std::unique_ptr<Fiber>> fibers_;  // the first spawned_ are of this run
  StackPool stacks_;
  Fiber host_;         // the thread that called run()
  Fiber clock_fiber_;  // stands for the clock among the candidates
  VirtualClock clock_;
  Object timers_;
  Fiber* timer_fiber_ = nullptr;
  std::vector<TimerState*> due_timers_;
  std::vector<Candidate> steps_;
  Outcome outcome_;
};

}  // namespace bioscope::rt::sim
