// SPDX-License-Identifier: Apache-2.0
// A change that may make a trace smaller: what is dropped and what takes the place of what.
// Edits of the same trace can be merged, so that what worked alone can be tried together.
//   E1  What an edit leaves without sense goes with it: a `wait` on what is no async operation
//       before it, an `after` or `signal` whose label is gone, a step on a disk that is no
//       controlled one, the release of a hold that is gone, a lane without operations.
//   E2  A step whose edge is gone stays: a hold or fault is effective at once, a release comes when
//       nothing else can run.
//   E3  The result is legal (check.h), or there is none.
#pragma once

#include <map>
#include <optional>

#include "models/trace/trace.h"

namespace bioscope {

// By index in the trace that is edited; nothing means dropped.
template <typename T>
using Changes = std::map<std::size_t, std::optional<T>>;

struct Edit {
  Changes<Operation> operations;  // by OperationId
  Changes<Disk> disks;
  Changes<DiskStep> steps;
  std::optional<Choices> choices;
  std::optional<u64> seed;
  std::optional<Trace> whole;  // takes the place of everything; merges with nothing
};

// REQUIRES: a legal trace that has what the edit names. Pure.
std::optional<Trace> edited(const Trace& trace, const Edit& edit);

// Both at once: what one of them drops is dropped, and the first one's seed goes before. Nothing if
// they put different things in one place.
std::optional<Edit> merged(const Edit& first, const Edit& second);

}  // namespace bioscope
