// SPDX-License-Identifier: Apache-2.0
// What the sectors of a volume may hold, as runs of equal candidate sets. A volume is a disk, what
// a snapshot shows, a file, or what a pending read has collected so far.
//
// Invariants:
//   C1  Runs are sorted, do not overlap and cover [0, size()) without a gap.
//   C2  Neighbours with equal sets are one run.
#pragma once

#include <vector>

#include "models/spec/candidate.h"

namespace bioscope::spec {

class Contents {
 public:
  // All sectors hold `initial`.
  Contents(u64 size_sectors, CandidateSet initial);
  static Contents zeroes(u64 size_sectors) {
    return Contents(size_sectors, CandidateSet(Candidate{}));
  }

  u64 size_sectors() const { return runs_.back().end; }

  // What is new holds zeroes. A smaller size changes nothing.
  void grow(u64 size_sectors);

  // Calls visit(first, end, set) for the parts of `range` with one set each, in order. What lies
  // past the end of the volume is left out.
  template <typename Visit>
  void for_each(Range range, Visit visit) const {
    for (std::size_t i = find(range.first_sector); i < runs_.size(); ++i) {
      const u64 first = std::max(start_of(i), range.first_sector);
      const u64 end = std::min(runs_[i].end, range.end_sector());
      if (first >= end) return;
      visit(first, end, runs_[i].set);
    }
  }

  // Calls change(set) for each of these parts.
  template <typename Change>
  void change(Range range, Change change) {
    const auto [first, last] = isolate(range);
    for (std::size_t i = first; i < last; ++i) change(runs_[i].set);
    merge(first, last);
  }

  void add(Range range, const Candidate& candidate);
  void set(Range range, const CandidateSet& set);

  // range := the sectors of `from` that begin at `from_first`.
  void copy(Range range, const Contents& from, u64 from_first);
  // The same, in addition to what is there.
  void add_copy(Range range, const Contents& from, u64 from_first);

  bool operator==(const Contents&) const = default;

 private:
  struct Run {
    u64 end = 0;
    CandidateSet set;
    bool operator==(const Run&) const = default;
  };

  std::size_t find(u64 sector) const;  // index of the run that holds it; runs_.size() past the end
  u64 start_of(std::size_t i) const { return i == 0 ? 0 : runs_[i - 1].end; }
  std::size_t cut(u64 sector);  // a run begins at `sector`; its index
  std::pair<std::size_t, std::size_t> isolate(Range range);
  void merge(std::size_t first, std::size_t last);

  std::vector<Run> runs_;
};

}  // namespace bioscope::spec
