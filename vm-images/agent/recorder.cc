// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/recorder.h"

#include <utility>

namespace bioscope {
namespace {

u32 bit_of(EdgeKind kind) {
  return 1U << static_cast<u32>(kind);
}

}  // namespace

Recorder::Recorder(const Trace& trace) : trace_(trace) {
  events_.reserve(2 * operation_count(trace) + 2 * trace.disk_script.size());
}

void Recorder::set_listener(std::function<void(EdgeKind, const std::string&)> listener) {
  listener_ = std::move(listener);
}

void Recorder::append(Event event) {
  const std::lock_guard lock(mutex_);
  if (sealed_) return;
  event.tick = events_.size();
  events_.push_back(std::move(event));
}

void Recorder::reach(EdgeKind kind, const std::string& label) {
  if (label.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    reached_[label] |= bit_of(kind);
    changed_.notify_all();
  }
  if (listener_) listener_(kind, label);
}

void Recorder::invoke(OperationId id) {
  Event event;
  event.lane = static_cast<u16>(lane_of(trace_, id));
  event.operation = id;
  event.kind = EventKind::Invoke;
  append(std::move(event));
  reach(EdgeKind::Invoked, operation_at(trace_, id).label);
}

void Recorder::finish(OperationId id, Outcome outcome) {
  Event event;
  event.lane = static_cast<u16>(lane_of(trace_, id));
  event.operation = id;
  event.kind = EventKind::Return;
  event.error = outcome.error;
  event.count_sectors = outcome.count_sectors;
  event.data = std::move(outcome.data);
  event.text = std::move(outcome.text);
  append(std::move(event));
  reach(EdgeKind::Returned, operation_at(trace_, id).label);
}

void Recorder::notice(EventKind kind, u32 step) {
  Event event;
  event.operation = step;
  event.kind = kind;
  append(std::move(event));
  if (kind == EventKind::Held) reach(EdgeKind::Held, trace_.disk_script[step].label);
}

void Recorder::cut(OperationId id) {
  Event event;
  event.lane = static_cast<u16>(lane_of(trace_, id));
  event.operation = id;
  event.kind = EventKind::Cut;
  append(std::move(event));
}

bool Recorder::wait_for(EdgeKind kind, const std::string& label) {
  std::unique_lock lock(mutex_);
  changed_.wait(
      lock, [&] { return !abandoned_because_.empty() || (reached_[label] & bit_of(kind)) != 0; });
  return (reached_[label] & bit_of(kind)) != 0;
}

bool Recorder::reached(EdgeKind kind, const std::string& label) const {
  const std::lock_guard lock(mutex_);
  const auto found = reached_.find(label);
  return found != reached_.end() && (found->second & bit_of(kind)) != 0;
}

void Recorder::abandon(std::string why) {
  const std::lock_guard lock(mutex_);
  if (abandoned_because_.empty()) abandoned_because_ = std::move(why);
  changed_.notify_all();
}

std::string Recorder::abandoned_because() const {
  const std::lock_guard lock(mutex_);
  return abandoned_because_;
}

void Recorder::seal() {
  const std::lock_guard lock(mutex_);
  sealed_ = true;
}

std::vector<Event> Recorder::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

u64 Recorder::activity() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

}  // namespace bioscope
