// SPDX-License-Identifier: Apache-2.0
// What makes a trace legal (T1 to T5 in trace.h), and how any trace is made legal.
#pragma once

#include <optional>
#include <string>

#include "models/trace/trace.h"

namespace bioscope {

// Where the first thing that is wrong stands.
struct Problem {
  enum class Place : u8 { Trace, Disk, Operation, DiskStep };
  Place place = Place::Trace;
  std::size_t index = 0;  // of the disk, operation (OperationId) or step
  std::string message;    // what is wrong and what was expected
};

std::optional<Problem> check(const Trace& trace);

// Changes and drops as little as makes the trace legal; a legal trace stays as it is. Total.
void normalize(Trace& trace);

}  // namespace bioscope
