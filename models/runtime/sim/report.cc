// SPDX-License-Identifier: Apache-2.0
// What a stopped run looks like: who waits for whom on what.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "models/runtime/sim/machine.h"

namespace bioscope::rt::sim {

void Machine::stop(End end, std::string message) {
  stopped_ = true;
  outcome_.end = end;
  outcome_.message = std::move(message);
  report_waiting();
  find_cycle();
}

void Machine::report_waiting() {
  for (u32 i = 0; i < spawned_; ++i) {
    Fiber& fiber = *fibers_[i];
    const bool at_fault = outcome_.end == End::Failed && &fiber == running_;
    if (!fiber.finished && !fiber.idle && !at_fault) outcome_.waiting.push_back(waiting(fiber));
  }
}

Waiting Machine::waiting(Fiber& fiber) {
  Waiting result;
  result.thread = fiber.next.thread;
  result.thread_name = fiber.name.data();
  result.action = text(fiber.next.action);
  result.blocked = fiber.slot == kNoCandidate;
  if (fiber.object != nullptr) {
    result.object = fmt::format("{}#{}", fiber.object->name, fiber.object->number);
    result.holders = holders(*fiber.object);
  }
  if (fiber.condition != nullptr) {
    looking_ = true;
    result.condition = fiber.condition(fiber.condition_context);
    looking_ = false;
  }
  return result;
}

std::vector<u32> Machine::holders(const Object& object) const {
  std::vector<u32> result;
  for (u32 i = 0; i < spawned_; ++i) {
    const Fiber& fiber = *fibers_[i];
    const bool held = std::ranges::find(fiber.held, &object) != fiber.held.end();
    const bool joined = &object == &fiber.exit;
    if (!fiber.finished && (held || joined)) result.push_back(fiber.next.thread);
  }
  return result;
}

void Machine::find_cycle() {
  const auto& waiting = outcome_.waiting;
  // Depth first from each thread; a bound of one visit per thread on the path.
  const auto walk = [&](auto&& self, std::vector<u32>& path) -> bool {
    const auto at = std::ranges::find(waiting, path.back(), &Waiting::thread);
    if (at == waiting.end() || !at->blocked) return false;
    for (const u32 holder : at->holders) {
      const auto seen = std::ranges::find(path, holder);
      if (seen != path.end()) {
        outcome_.cycle.assign(seen, path.end());
        return true;
      }
      path.push_back(holder);
      if (self(self, path)) return true;
      path.pop_back();
    }
    return false;
  };
  for (const Waiting& each : waiting) {
    std::vector<u32> path{each.thread};
    if (walk(walk, path)) return;
  }
}

}  // namespace bioscope::rt::sim
