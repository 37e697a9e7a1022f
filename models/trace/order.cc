// SPDX-License-Identifier: Apache-2.0
#include "models/trace/order.h"

#include <unordered_map>

namespace bioscope {
namespace {

// A node for the invocation and one for the return of each operation, and one for each disk step.
class Graph {
 public:
  explicit Graph(const Trace& trace)
      : operations_(operation_count(trace)),
        after_(2 * operations_ + trace.disk_script.size()),
        waits_for_(after_.size(), 0) {
    collect_labels(trace);
    OperationId id = 0;
    for (const Lane& lane : trace.lanes) {
      std::optional<std::size_t> previous;
      for (const Operation& operation : lane.operations) {
        add(invoked(id), returned(id));
        if (previous) add(*previous, invoked(id));
        add_edge(operation.edge, returned(id));
        previous = operation.async ? invoked(id) : returned(id);
        ++id;
      }
    }
    for (std::size_t i = 0; i < trace.disk_script.size(); ++i) {
      const DiskStep& step = trace.disk_script[i];
      add_edge(step.edge, this->step(i));
      if (step.kind == DiskStepKind::Release) {
        add_edge({EdgeKind::Held, step.label}, this->step(i));
      }
    }
  }

  // Kahn's algorithm; what is left over waits, directly or through others, for a cycle.
  std::optional<Stuck> first_stuck() {
    std::vector<std::size_t> ready;
    for (std::size_t node = 0; node < waits_for_.size(); ++node) {
      if (waits_for_[node] == 0) ready.push_back(node);
    }
    while (!ready.empty()) {
      const std::size_t node = ready.back();
      ready.pop_back();
      for (std::size_t next : after_[node]) {
        if (--waits_for_[next] == 0) ready.push_back(next);
      }
    }
    for (std::size_t i = 0; i < waits_for_.size(); ++i) {
      // Only a node with an edge of its own can be mended by dropping the edge.
      if (waits_for_[i] != 0 && has_edge_[i]) {
        const bool is_step = i >= 2 * operations_;
        return Stuck{is_step, is_step ? i - 2 * operations_ : i / 2};
      }
    }
    return std::nullopt;
  }

 private:
  static std::size_t invoked(OperationId id) { return 2 * std::size_t{id}; }
  static std::size_t returned(OperationId id) { return 2 * std::size_t{id} + 1; }
  std::size_t step(std::size_t index) const { return 2 * operations_ + index; }

  void collect_labels(const Trace& trace) {
    OperationId id = 0;
    for (const Lane& lane : trace.lanes) {
      for (const Operation& operation : lane.operations) {
        if (!operation.label.empty()) labels_.emplace(operation.label, id);
        ++id;
      }
    }
    for (std::size_t i = 0; i < trace.disk_script.size(); ++i) {
      const DiskStep& hold = trace.disk_script[i];
      if (hold.kind == DiskStepKind::Hold) holds_.emplace(hold.label, i);
    }
    has_edge_.assign(after_.size(), false);
  }

  void add(std::size_t before, std::size_t then) {
    after_[before].push_back(then);
    ++waits_for_[then];
  }

  void add_edge(const Edge& edge, std::size_t then) {
    if (edge.kind == EdgeKind::None || edge.kind == EdgeKind::Quiet) return;
    if (edge.kind == EdgeKind::Held) {
      const auto hold = holds_.find(edge.label);
      if (hold == holds_.end()) return;
      add(step(hold->second), then);
    } else {
      const auto label = labels_.find(edge.label);
      if (label == labels_.end()) return;
      add(edge.kind == EdgeKind::Invoked ? invoked(label->second) : returned(label->second), then);
    }
    has_edge_[then] = true;
  }

  std::size_t operations_;
  std::vector<std::vector<std::size_t>> after_;
  std::vector<std::size_t> waits_for_;
  std::vector<bool> has_edge_;
  std::unordered_map<std::string_view, OperationId> labels_;
  std::unordered_map<std::string_view, std::size_t> holds_;
};

}  // namespace

std::optional<OperationId> find_labelled(const Trace& trace, std::string_view label) {
  OperationId id = 0;
  for (const Lane& lane : trace.lanes) {
    for (const Operation& operation : lane.operations) {
      if (operation.label == label && !label.empty()) return id;
      ++id;
    }
  }
  return std::nullopt;
}

std::optional<std::size_t> find_hold(const Trace& trace, std::string_view label) {
  for (std::size_t i = 0; i < trace.disk_script.size(); ++i) {
    const DiskStep& step = trace.disk_script[i];
    if (step.kind == DiskStepKind::Hold && step.label == label) return i;
  }
  return std::nullopt;
}

std::optional<Stuck> find_cycle(const Trace& trace) {
  return Graph(trace).first_stuck();
}

}  // namespace bioscope
