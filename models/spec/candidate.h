// SPDX-License-Identifier: Apache-2.0
// What a sector may hold: a set of candidates. A candidate is a value and the operation that put
// it there; over a run of sectors a stamp counts up with them, so one candidate stands for all.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "models/base/stamp.h"
#include "models/trace/trace.h"

namespace bioscope::spec {

inline constexpr OperationId kBeforeAll = 0xffffffff;  // there before the trace began
inline constexpr OperationId kForEver = 0xfffffffe;    // no later write takes it away

enum class CandidateKind : u8 {
  Zero,
  Written,  // the stamp of `writer`
  Any,      // nothing is known: metadata, a file system, discarded
};

struct Candidate {
  CandidateKind kind = CandidateKind::Zero;
  OperationId writer = kBeforeAll;
  i64 shift = 0;  // Written: sector of the stamp minus sector of the place

  bool operator==(const Candidate&) const = default;
};

// A set with room for the usual one or two. Order is that of insertion.
class CandidateSet {
 public:
  CandidateSet() = default;
  explicit CandidateSet(const Candidate& one) : count_(1), few_{one} {}
  CandidateSet(const CandidateSet& other)
      : count_(other.count_),
        few_(other.few_),
        many_(other.many_ ? std::make_unique<std::vector<Candidate>>(*other.many_) : nullptr) {}
  CandidateSet(CandidateSet&&) = default;
  CandidateSet& operator=(const CandidateSet& other) {
    if (this != &other) *this = CandidateSet(other);
    return *this;
  }
  CandidateSet& operator=(CandidateSet&&) = default;

  void add(const Candidate& candidate);
  void add_all(const CandidateSet& other, i64 shift_by);
  void clear();
  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }
  const Candidate& operator[](std::size_t i) const {
    return i < kInline ? few_[i] : (*many_)[i - kInline];
  }
  bool contains(const Candidate& candidate) const;
  bool has_any() const;

  template <typename Keep>
  void keep_if(Keep keep) {
    u32 kept = 0;
    for (u32 i = 0; i < count_; ++i) {
      if (!keep((*this)[i])) continue;
      if (kept != i) at(kept) = (*this)[i];
      ++kept;
    }
    count_ = kept;
    if (many_) many_->resize(count_ > kInline ? count_ - kInline : 0);
  }

  bool operator==(const CandidateSet& other) const;

 private:
  static constexpr std::size_t kInline = 2;
  Candidate& at(std::size_t i) { return i < kInline ? few_[i] : (*many_)[i - kInline]; }

  u32 count_ = 0;
  std::array<Candidate, kInline> few_;
  std::unique_ptr<std::vector<Candidate>> many_;  // behind the first two, if there ever were more
};

// Does `seen`, read at `place`, come from the candidate? Holds for all that follow in a run.
bool matches(const Candidate& candidate, u64 place, const Sector& seen, u64 seed);

// What the candidate is at `place`. Any has no value: false.
bool value_at(const Candidate& candidate, u64 place, u64 seed, Sector& value);

}  // namespace bioscope::spec
