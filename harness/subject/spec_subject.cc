// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/spec_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "models/spec/model.h"
#include "models/trace/codec.h"
#include "models/trace/order.h"

namespace bioscope {
namespace {

// Plays one trace. Invariants:
//   S1  At most one operation that does not block is under way, so expected() holds for it.
//   S2  What may block is invoked and stays pending until it no longer would, or until nothing else
//       can run: then the first pending one returns.
class SpecPlay {
 public:
  explicit SpecPlay(const Trace& trace)
      : trace_(trace), model_(trace), next_(trace.lanes.size(), 0), busy_(trace.lanes.size()) {}

  Result<History> play() {
    while (step()) {
    }
    for (std::size_t lane = 0; lane < trace_.lanes.size(); ++lane) {
      if (next_[lane] == trace_.lanes[lane].operations.size()) continue;
      return could_not_judge(fmt::format(
          "lane {} cannot go on: the specification plays one operation after the other, and its "
          "next one waits for what is under way; play the trace on a kernel",
          trace_.lanes[lane].name));
    }
    return std::move(history_);
  }

 private:
  bool step() {
    if (take_disk_steps(/*quiet=*/false)) return true;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (!model_.legal(operation_at(trace_, pending_[i])).may_block) {
        finish(i);
        return true;
      }
    }
    for (std::size_t lane = 0; lane < trace_.lanes.size(); ++lane) {
      if (try_lane(lane)) return true;
    }
    if (take_disk_steps(/*quiet=*/true)) return true;
    if (pending_.empty()) return false;
    finish(0);
    return true;
  }

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

  void finish(std::size_t pending_index) {
    const OperationId id = pending_[pending_index];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(pending_index));
    const std::size_t lane = lane_of(trace_, id);
    if (!operation_at(trace_, id).async) busy_[lane] = false;
    complete(id, lane);
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
};

}  // namespace

Capabilities SpecSubject::can() const {
  Capabilities can;
  for (std::size_t i = 0; i < kCapabilities; ++i) can.add(static_cast<Capability>(i));
  // No rule in scope speaks of these.
  for (const Capability missing :
       {Capability::Interpose, Capability::Resize, Capability::HotRemove, Capability::Partitions,
        Capability::Signals, Capability::PowerCut, Capability::Schedule}) {
    can.drop(missing);
  }
  return can;
}

Result<History> SpecSubject::play(const Job& job) {
  const Capabilities missing = needed_by(job.trace).without(can());
  if (!missing.empty()) {
    return could_not_judge(
        fmt::format("{} is not played: the specification lacks {}", job.name, to_text(missing)));
  }
  auto history = SpecPlay(job.trace).play();
  if (history) {
    history->can = can();
    history->trace = hash_of(job.trace);
  }
  return history;
}

}  // namespace bioscope
