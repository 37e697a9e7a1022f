// SPDX-License-Identifier: Apache-2.0
// A set of numbers as sorted, disjoint ranges that do not touch: sectors, or chunks of a snapshot.
#pragma once

#include <vector>

#include "models/trace/trace.h"

namespace bioscope::spec {

class Ranges {
 public:
  void add(Range range);
  void remove(Range range);
  bool contains(u64 number) const;
  bool overlaps(Range range) const;
  u64 count() const;
  bool empty() const { return ranges_.empty(); }
  void clear() { ranges_.clear(); }
  const std::vector<Range>& list() const { return ranges_; }
  u64 count_overlap(Range range) const;

 private:
  std::vector<Range> ranges_;
};

}  // namespace bioscope::spec
