// SPDX-License-Identifier: Apache-2.0
// Writes the history and knows which edges have been reached. A simulated run is one thread of the
// host, so a count is the total order of its events.
#pragma once

#include <functional>
#include <vector>

#include "harness/subject/reference/outcome.h"
#include "models/runtime/wait_queue.h"

namespace bioscope::reference {

// Made and destroyed within one run; threads of the run may call it.
class Recorder {
 public:
  // `history` outlives it: what was recorded is there even if the run is stopped.
  Recorder(const Trace& trace, History& history);

  // Called when a labelled operation or hold gets there, in the thread that does it, before it goes
  // on.
  using OnReached = std::function<void(EdgeKind kind, const std::string& label)>;
  void set_listener(OnReached listener) { listener_ = std::move(listener); }

  void invoke(const Step& step);
  void finish(const Step& step, Outcome outcome);
  void notice(EventKind kind, u32 disk_step);
  void cut(const Step& step);

  // Waits until the edge of a `wait` or `after` is reached; false: abandon() came first.
  [[nodiscard]] bool wait_for(const Edge& edge);
  bool reached(const Edge& edge) const;

  // Waits until `condition` holds; what makes it true calls poke() afterwards, or is recorded with
  // a label.
  template <typename Condition>
  void wait_until(Condition&& condition) {
    changed_.wait_event(condition);
  }
  void poke() { changed_.wake_up_all(); }

  // Waits end without their edge from now on.
  void abandon();
  bool abandoned() const { return abandoned_; }
  // Nothing is recorded any more.
  void seal() { sealed_ = true; }

  // Grows with everything that happens.
  u64 activity() const { return activity_; }

 private:
  void append(Event event);
  void reach(EdgeKind kind, const std::string& label, u8& bits);

  const Trace& trace_;
  History& history_;
  OnReached listener_;
  std::vector<u8> operations_;  // of each, the edge kinds that it has reached
  std::vector<u8> holds_;       // of each disk step
  rt::WaitQueue changed_{"edges"};
  u64 activity_ = 0;
  bool abandoned_ = false;
  bool sealed_ = false;
};

}  // namespace bioscope::reference
