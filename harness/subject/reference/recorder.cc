// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/recorder.h"

#include <utility>

#include "models/trace/order.h"

namespace bioscope::reference {
namespace {

u8 bit_of(EdgeKind kind) {
  return static_cast<u8>(1U << static_cast<u8>(kind));
}

}  // namespace

Recorder::Recorder(const Trace& trace, History& history)
    : trace_(trace),
      history_(history),
      operations_(operation_count(trace), 0),
      holds_(trace.disk_script.size(), 0) {
  history_.events.reserve(2 * operations_.size() + 2 * holds_.size());
}

void Recorder::append(Event event) {
  ++activity_;
  if (sealed_) return;
  event.tick = history_.events.size();
  history_.events.push_back(std::move(event));
}

void Recorder::reach(EdgeKind kind, const std::string& label, u8& bits) {
  if (label.empty()) return;
  bits |= bit_of(kind);
  changed_.wake_up_all();
  if (listener_) listener_(kind, label);
}

void Recorder::invoke(const Step& step) {
  append(Event{.lane = step.lane, .operation = step.id, .kind = EventKind::Invoke});
  reach(EdgeKind::Invoked, step.operation.label, operations_[step.id]);
}

void Recorder::finish(const Step& step, Outcome outcome) {
  append(Event{.lane = step.lane,
               .operation = step.id,
               .kind = EventKind::Return,
               .error = outcome.error,
               .count_sectors = outcome.count_sectors,
               .data = std::move(outcome.data),
               .text = std::move(outcome.text)});
  reach(EdgeKind::Returned, step.operation.label, operations_[step.id]);
}

void Recorder::notice(EventKind kind, u32 disk_step) {
  append(Event{.operation = disk_step, .kind = kind});
  if (kind == EventKind::Held) {
    reach(EdgeKind::Held, trace_.disk_script[disk_step].label, holds_[disk_step]);
  }
}

void Recorder::cut(const Step& step) {
  append(Event{.lane = step.lane, .operation = step.id, .kind = EventKind::Cut});
}

bool Recorder::reached(const Edge& edge) const {
  if (edge.kind == EdgeKind::Held) {
    const auto hold = find_hold(trace_, edge.label);
    return hold && (holds_[*hold] & bit_of(edge.kind)) != 0;
  }
  const auto id = find_labelled(trace_, edge.label);
  return id && (operations_[*id] & bit_of(edge.kind)) != 0;
}

bool Recorder::wait_for(const Edge& edge) {
  bool there = false;
  changed_.wait_event([&] {
    there = reached(edge);
    return there || abandoned_;
  });
  return there;
}

void Recorder::abandon() {
  abandoned_ = true;
  changed_.wake_up_all();
}

}  // namespace bioscope::reference
