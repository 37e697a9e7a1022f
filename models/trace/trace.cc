// SPDX-License-Identifier: Apache-2.0
#include "models/trace/trace.h"

#include <cassert>

namespace bioscope {

std::size_t operation_count(const Trace& trace) {
  std::size_t count = 0;
  for (const Lane& lane : trace.lanes) count += lane.operations.size();
  return count;
}

OperationId first_operation(const Trace& trace, std::size_t lane) {
  std::size_t first = 0;
  for (std::size_t i = 0; i < lane; ++i) first += trace.lanes[i].operations.size();
  return static_cast<OperationId>(first);
}

std::size_t lane_of(const Trace& trace, OperationId id) {
  std::size_t rest = id;
  for (std::size_t lane = 0; lane < trace.lanes.size(); ++lane) {
    if (rest < trace.lanes[lane].operations.size()) return lane;
    rest -= trace.lanes[lane].operations.size();
  }
  assert(false && "no such operation");
  return 0;
}

const Operation& operation_at(const Trace& trace, OperationId id) {
  const std::size_t lane = lane_of(trace, id);
  return trace.lanes[lane].operations[id - first_operation(trace, lane)];
}

}  // namespace bioscope
