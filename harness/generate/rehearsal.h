// SPDX-License-Identifier: Apache-2.0
// The trace as far as it is written, played to the specification in one order: that in which it
// is written. Tells the generator what the next operation could return.
#pragma once

#include <vector>

#include "models/spec/model.h"
#include "models/trace/trace.h"

namespace bioscope {

// Not thread-safe. Asking replays the whole trace: an operation's number depends on those that
// stand before it in other lanes, and traces are short.
class Rehearsal {
 public:
  explicit Rehearsal(Trace trace) : trace_(std::move(trace)) {}

  // What `operation` could return if it came next.
  LegalSet legal(const Operation& operation) const;

  // Appends to a lane. An async operation that may block returns with its `wait`.
  void append(std::size_t lane, const Operation& operation);

  const Trace& trace() const { return trace_; }
  Trace& trace() { return trace_; }

 private:
  struct Step {
    std::size_t lane = 0;
    std::size_t index = 0;  // within its lane
    bool returns = true;    // at once
  };
  Model replay() const;
  void play(Model& model, const Step& step, u64& tick) const;

  Trace trace_;
  std::vector<Step> steps_;
};

}  // namespace bioscope
