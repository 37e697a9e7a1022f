// SPDX-License-Identifier: Apache-2.0
// Invariants:
//   S1  At most one operation that does not block is under way, so expected() holds for it.
//   S2  What may block is invoked and stays pending until it no longer would, or until nothing else
//       can run: then the first pending one returns that has to, else the first that has an answer,
//       else the first. So every legal trace comes to its end (T3 in trace.h).
#include "models/spec/player.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <utility>
#include <vector>

#include "models/spec/model.h"
#include "models/trace/codec.h"
#include "models/trace/order.h"

namespace bioscope {
namespace {

class Player {
 public:
  explicit Player(const Trace& trace)
      : trace_(trace),
        model_(trace, clock()),
        next_(trace.lanes.size(), 0),
        busy_(trace.lanes.size()) {}

  History play() {
    while (step()) {
    }
    for (std::size_t lane = 0; lane < trace_.lanes.size(); ++lane) {
      assert(next_[lane] == trace_.lanes[lane].operations.size() && "T3: some order exists");
    }
    history_.trace = hash_of(trace_);
    return std::move(history_);
  }

  // Of what was played.
  bool waited_for_ever() const { return waited_for_ever_; }

 private:
  // Only `clock` operations take time.
  static Capabilities clock() {
    Capabilities can;
    can.add(Capability::VirtualClock);
    return can;
  }

  bool step() {
    if (take_disk_steps(/*quiet=*/false)) return true;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (!legal(pending_[i]).may_block) return finish(i);
    }
    for (std::size_t lane = 0; lane < trace_.lanes.size(); ++lane) {
      if (try_lane(lane)) return true;
    }
    if (take_disk_steps(/*quiet=*/true)) return true;
    if (pending_.empty()) return false;
    return finish(first_to_return());
  }

  std::size_t first_to_return() {
    History hung;
    hung.end = HistoryEnd::Hung;
    for (const Verdict& verdict : model_.finish(hung)) {
      if (!verdict.operation) continue;
      const auto found = std::ranges::find(pending_, *verdict.operation);
      if (found != pending_.end()) return static_cast<std::size_t>(found - pending_.begin());
    }
    waited_for_ever_ = true;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (!legal(pending_[i]).errors.empty()) return i;
    }
    return 0;
  }

  LegalSet legal(OperationId id) const { return model_.legal(operation_at(trace_, id)); }

  bool reached(const Edge& edge) const {
    switch (edge.kind) {
      case EdgeKind::None:
        return true;
      case EdgeKind::Invoked:
      case EdgeKind::Returned: {
        const auto id = find_labelled(trace_, edge.label);
        return id && (edge.kind == EdgeKind::Invoked ? invoked_ : returned_).contains(*id);
      }
      case EdgeKind::Held: {
        const auto step = find_hold(trace_, edge.label);
        return step && steps_taken_.contains(*step);
      }
      case EdgeKind::Quiet:
        return false;
    }
    return false;
  }

  // A hold is reached with its edge: the specification has no requests that could match it.
  bool take_disk_steps(bool quiet) {
    bool progress = false;
    for (std::size_t i = 0; i < trace_.disk_script.size(); ++i) {
      const DiskStep& step = trace_.disk_script[i];
      const bool ready = step.edge.kind == EdgeKind::Quiet ? quiet : reached(step.edge);
      if (steps_taken_.contains(i) || !ready) continue;
      steps_taken_.insert(i);
      progress = true;
      if (step.kind == DiskStepKind::Hold) record_step(EventKind::Held, i);
      if (step.kind == DiskStepKind::Release) {
        if (const auto hold = find_hold(trace_, step.label)) record_step(EventKind::Done, *hold);
      }
    }
    return progress;
  }

  bool try_lane(std::size_t lane) {
    const auto& operations = trace_.lanes[lane].operations;
    if (busy_[lane] || next_[lane] == operations.size()) return false;
    const Operation& operation = operations[next_[lane]];
    const bool is_order =
        operation.kind == OperationKind::Wait || operation.kind == OperationKind::After;
    if (is_order && !reached(operation.edge)) return false;
    const OperationId id = first_operation(trace_, lane) + static_cast<OperationId>(next_[lane]);
    ++next_[lane];
    const bool may_block = !is_order && model_.legal(operation).may_block;
    record(Event{.operation = id, .kind = EventKind::Invoke}, lane);
    invoked_.insert(id);
    if (may_block || operation.async) {
      busy_[lane] = !operation.async;
      pending_.push_back(id);
      return true;
    }
    complete(id, lane);
    return true;
  }

  bool finish(std::size_t pending_index) {
    const OperationId id = pending_[pending_index];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(pending_index));
    const std::size_t lane = lane_of(trace_, id);
    if (!operation_at(trace_, id).async) busy_[lane] = false;
    complete(id, lane);
    return true;
  }

  void complete(OperationId id, std::size_t lane) {
    Event event = model_.expected(id);
    event.kind = EventKind::Return;
    event.operation = id;
    record(std::move(event), lane);
    returned_.insert(id);
  }

  void record_step(EventKind kind, std::size_t step) {
    record(Event{.operation = static_cast<OperationId>(step), .kind = kind}, 0);
  }

  void record(Event event, std::size_t lane) {
    event.tick = history_.events.size();
    event.lane = static_cast<u16>(lane);
    model_.apply(event);
    history_.events.push_back(std::move(event));
  }

  const Trace& trace_;
  Model model_;
  History history_;
  std::vector<std::size_t> next_;  // of each lane
  std::vector<bool> busy_;         // the lane waits for an operation that is not async
  std::vector<OperationId> pending_;
  std::set<OperationId> invoked_;
  std::set<OperationId> returned_;
  std::set<std::size_t> steps_taken_;
  bool waited_for_ever_ = false;
};

}  // namespace

History perfect_history(const Trace& trace) {
  return Player(trace).play();
}

bool waits_for_ever(const Trace& trace) {
  Player player(trace);
  player.play();
  return player.waited_for_ever();
}

}  // namespace bioscope
