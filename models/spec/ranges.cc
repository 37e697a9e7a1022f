// SPDX-License-Identifier: Apache-2.0
#include "models/spec/ranges.h"

#include <algorithm>

namespace bioscope::spec {

void Ranges::add(Range range) {
  if (range.count_sectors == 0) return;
  u64 first = range.first_sector;
  u64 end = range.end_sector();
  const auto from = std::ranges::lower_bound(ranges_, first, {}, &Range::end_sector);
  auto to = from;
  while (to != ranges_.end() && to->first_sector <= end) {
    first = std::min(first, to->first_sector);
    end = std::max(end, to->end_sector());
    ++to;
  }
  const auto at = ranges_.erase(from, to);
  ranges_.insert(at, Range{first, end - first});
}

void Ranges::remove(Range range) {
  if (range.count_sectors == 0) return;
  std::vector<Range> kept;
  for (const Range& old : ranges_) {
    const u64 left_end = std::min(old.end_sector(), range.first_sector);
    if (left_end > old.first_sector) {
      kept.push_back({old.first_sector, left_end - old.first_sector});
    }
    const u64 right = std::max(old.first_sector, range.end_sector());
    if (right < old.end_sector()) kept.push_back({right, old.end_sector() - right});
  }
  ranges_ = std::move(kept);
}

u64 Ranges::count_overlap(Range range) const {
  u64 total = 0;
  for (const Range& one : ranges_) {
    const u64 first = std::max(one.first_sector, range.first_sector);
    const u64 end = std::min(one.end_sector(), range.end_sector());
    if (first < end) total += end - first;
  }
  return total;
}

bool Ranges::contains(u64 number) const {
  return overlaps({number, 1});
}

bool Ranges::overlaps(Range range) const {
  const auto at = std::ranges::upper_bound(ranges_, range.first_sector, {}, &Range::end_sector);
  return at != ranges_.end() && range.count_sectors > 0 && at->first_sector < range.end_sector();
}

u64 Ranges::count() const {
  u64 total = 0;
  for (const Range& range : ranges_) total += range.count_sectors;
  return total;
}

}  // namespace bioscope::spec
