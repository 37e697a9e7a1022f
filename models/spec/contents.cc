// SPDX-License-Identifier: Apache-2.0
#include "models/spec/contents.h"

#include <algorithm>
#include <cassert>

namespace bioscope::spec {

Contents::Contents(u64 size_sectors, CandidateSet initial) {
  constexpr std::size_t kUsualRuns = 4;
  runs_.reserve(kUsualRuns);
  runs_.push_back(Run{size_sectors, std::move(initial)});
}

std::size_t Contents::find(u64 sector) const {
  return static_cast<std::size_t>(std::ranges::upper_bound(runs_, sector, {}, &Run::end) -
                                  runs_.begin());
}

std::size_t Contents::cut(u64 sector) {
  const std::size_t i = find(sector);
  if (i == runs_.size() || start_of(i) == sector) return i;
  runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(i), Run{sector, runs_[i].set});
  return i + 1;
}

std::pair<std::size_t, std::size_t> Contents::isolate(Range range) {
  const u64 end = std::min(range.end_sector(), size_sectors());
  if (range.first_sector >= end) return {0, 0};
  const std::size_t first = cut(range.first_sector);
  return {first, cut(end)};
}

void Contents::merge(std::size_t first, std::size_t last) {
  const std::size_t from = first == 0 ? 0 : first - 1;
  const std::size_t to = std::min(last + 1, runs_.size());
  if (to - from < 2) return;
  std::size_t kept = from;
  for (std::size_t i = from + 1; i < to; ++i) {
    if (runs_[i].set == runs_[kept].set) {
      runs_[kept].end = runs_[i].end;
    } else if (++kept != i) {
      runs_[kept] = std::move(runs_[i]);
    }
  }
  runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(kept + 1),
              runs_.begin() + static_cast<std::ptrdiff_t>(to));
}

void Contents::grow(u64 size_sectors) {
  if (size_sectors <= this->size_sectors()) return;
  runs_.push_back(Run{size_sectors, CandidateSet(Candidate{})});
  merge(runs_.size() - 1, runs_.size());
}

void Contents::add(Range range, const Candidate& candidate) {
  change(range, [&](CandidateSet& set) { set.add(candidate); });
}

void Contents::set(Range range, const CandidateSet& set) {
  change(range, [&](CandidateSet& old) { old = set; });
}

void Contents::copy(Range range, const Contents& from, u64 from_first) {
  const i64 shift = static_cast<i64>(from_first - range.first_sector);
  from.for_each({from_first, range.count_sectors},
                [&](u64 first, u64 end, const CandidateSet& set) {
                  CandidateSet moved;
                  moved.add_all(set, shift);
                  this->set({first - static_cast<u64>(shift), end - first}, moved);
                });
}

void Contents::add_copy(Range range, const Contents& from, u64 from_first) {
  const i64 shift = static_cast<i64>(from_first - range.first_sector);
  from.for_each({from_first, range.count_sectors},
                [&](u64 first, u64 end, const CandidateSet& set) {
                  change({first - static_cast<u64>(shift), end - first},
                         [&](CandidateSet& old) { old.add_all(set, shift); });
                });
}

}  // namespace bioscope::spec
