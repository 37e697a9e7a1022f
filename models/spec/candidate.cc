// SPDX-License-Identifier: Apache-2.0
#include "models/spec/candidate.h"

namespace bioscope::spec {

void CandidateSet::add(const Candidate& candidate) {
  if (contains(candidate)) return;
  if (count_ < kInline) {
    few_[count_] = candidate;
  } else {
    if (!many_) many_ = std::make_unique<std::vector<Candidate>>();
    many_->push_back(candidate);
  }
  ++count_;
}

void CandidateSet::add_all(const CandidateSet& other, i64 shift_by) {
  for (std::size_t i = 0; i < other.size(); ++i) {
    Candidate moved = other[i];
    if (moved.kind == CandidateKind::Written) moved.shift += shift_by;
    add(moved);
  }
}

void CandidateSet::clear() {
  count_ = 0;
  many_.reset();
}

bool CandidateSet::contains(const Candidate& candidate) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if ((*this)[i] == candidate) return true;
  }
  return false;
}

bool CandidateSet::has_any() const {
  for (std::size_t i = 0; i < count_; ++i) {
    if ((*this)[i].kind == CandidateKind::Any) return true;
  }
  return false;
}

bool CandidateSet::operator==(const CandidateSet& other) const {
  if (count_ != other.count_) return false;
  for (std::size_t i = 0; i < count_; ++i) {
    if (!((*this)[i] == other[i])) return false;
  }
  return true;
}

bool matches(const Candidate& candidate, u64 place, const Sector& seen, u64 seed) {
  switch (candidate.kind) {
    case CandidateKind::Any:
      return true;
    case CandidateKind::Zero:
      return std::holds_alternative<Zero>(seen);
    case CandidateKind::Written: {
      const Stamp* stamp = std::get_if<Stamp>(&seen);
      return stamp != nullptr && stamp->operation == candidate.writer && stamp->seed == seed &&
             stamp->sector == place + static_cast<u64>(candidate.shift);
    }
  }
  return false;
}

bool value_at(const Candidate& candidate, u64 place, u64 seed, Sector& value) {
  switch (candidate.kind) {
    case CandidateKind::Any:
      return false;
    case CandidateKind::Zero:
      value = Zero{};
      return true;
    case CandidateKind::Written:
      value = Stamp{candidate.writer, place + static_cast<u64>(candidate.shift), seed};
      return true;
  }
  return false;
}

}  // namespace bioscope::spec
