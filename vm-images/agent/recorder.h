// SPDX-License-Identifier: Apache-2.0
// The history as it is being made, and the edges of the trace that hang on it.
//
// Invariants:
//   H1  An event's tick is its place in the history: one total order over all lanes.
//   H2  Invoke is recorded before the kernel is asked, Return after it has answered.
//   H3  Once sealed the history does not change: what the agent's own clean-up causes is no part of
//       the trace.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "models/trace/history.h"

namespace bioscope {

// What an operation came back with.
struct Outcome {
  int error = 0;  // 0 or a positive errno
  u64 count_sectors = 0;
  SectorRuns data;
  std::string text;
};

inline Outcome failed(int error) {
  return Outcome{error, 0, {}, {}};
}

// Thread-safe.
class Recorder {
 public:
  explicit Recorder(const Trace& trace);

  // Called, without a lock, by the thread that recorded what reached the edge, before it goes on.
  void set_listener(std::function<void(EdgeKind, const std::string&)> listener);

  void invoke(OperationId id);
  void finish(OperationId id, Outcome outcome);
  // A hold matched (Held), or its request was completed (Done).
  void notice(EventKind kind, u32 step);
  void cut(OperationId id);

  // Waits until the label got that far. False when the waiting was given up with abandon().
  bool wait_for(EdgeKind kind, const std::string& label);
  bool reached(EdgeKind kind, const std::string& label) const;
  void abandon(std::string why);
  std::string abandoned_because() const;

  void seal();
  std::vector<Event> events() const;
  // Changes whenever something was recorded.
  u64 activity() const;

 private:
  void append(Event event);
  void reach(EdgeKind kind, const std::string& label);

  const Trace& trace_;
  std::function<void(EdgeKind, const std::string&)> listener_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
  std::map<std::string, u32> reached_;  // label -> bits, one for each EdgeKind
  std::string abandoned_because_;
  bool sealed_ = false;
};

}  // namespace bioscope
