// SPDX-License-Identifier: Apache-2.0
// Plays a trace to a history as a subject that does everything right would: one operation after
// the other, what may block stays pending until nothing else can run.
#pragma once

#include <set>
#include <vector>

#include "models/spec/model.h"
#include "models/trace/history.h"
#include "models/trace/order.h"
#include "models/trace/trace.h"

namespace bioscope {

class TestPlayer {
 public:
  explicit TestPlayer(const Trace& trace)
      : trace_(trace), model_(trace), next_(trace.lanes.size()), busy_(trace.lanes.size()) {}

  History play() {
    while (step()) {
    }
    for (std::size_t lane = 0; lane < next_.size(); ++lane) {
      if (next_[lane] != trace_.lanes[lane].operations.size()) history_.end = HistoryEnd::Hung;
    }
    return history_;
  }

 private:
  bool reached(const Edge& edge) const {
    const auto id = find_labelled(trace_, edge.label);
    if (edge.kind == EdgeKind::Held || !id) return true;
    return (edge.kind == EdgeKind::Invoked ? invoked_ : returned_).contains(*id);
  }

  bool step() {
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (!model_.legal(operation_at(trace_, pending_[i])).may_block) return complete(i);
    }
    for (std::size_t lane = 0; lane < next_.size(); ++lane) {
      if (try_lane(lane)) return true;
    }
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (!model_.legal(operation_at(trace_, pending_[i])).errors.empty()) return complete(i);
    }
    return !pending_.empty() && complete(0);
  }

  bool try_lane(std::size_t lane) {
    const auto& operations = trace_.lanes[lane].operations;
    if (busy_[lane] || next_[lane] == operations.size()) return false;
    const Operation& operation = operations[next_[lane]];
    const bool order =
        operation.kind == OperationKind::Wait || operation.kind == OperationKind::After;
    if (order && !reached(operation.edge)) return false;
    const OperationId id = first_operation(trace_, lane) + static_cast<OperationId>(next_[lane]++);
    const bool blocks = !order && model_.legal(operation).may_block;
    Event invoke;
    invoke.operation = id;
    record(invoke, lane);
    invoked_.insert(id);
    pending_.push_back(id);
    busy_[lane] = !operation.async;
    if (!blocks && !operation.async) return complete(pending_.size() - 1);
    return true;
  }

  bool complete(std::size_t index) {
    const OperationId id = pending_[index];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
    const std::size_t lane = lane_of(trace_, id);
    if (!operation_at(trace_, id).async) busy_[lane] = false;
    record(model_.expected(id), lane);
    returned_.insert(id);
    return true;
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
  std::vector<std::size_t> next_;
  std::vector<bool> busy_;
  std::vector<OperationId> pending_;
  std::set<OperationId> invoked_;
  std::set<OperationId> returned_;
};

}  // namespace bioscope
