// SPDX-License-Identifier: Apache-2.0
// The order that a trace prescribes: program order within a lane, `wait`, `after` and the edges of
// the disk script. Players, the lowering and check() ask it.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "models/trace/trace.h"

namespace bioscope {

std::optional<OperationId> find_labelled(const Trace& trace, std::string_view label);

// Index of the `hold` step that defines the label.
std::optional<std::size_t> find_hold(const Trace& trace, std::string_view label);

// An operation or disk step that no prescribed order lets happen, since it waits for itself
// through edges; nothing if the order has no cycle. Labels that do not exist are ignored.
struct Stuck {
  bool is_step = false;
  std::size_t index = 0;  // OperationId, or index of the step
};
std::optional<Stuck> find_cycle(const Trace& trace);

}  // namespace bioscope
