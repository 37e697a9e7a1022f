// SPDX-License-Identifier: Apache-2.0
// Checks find; this decides what a finding means for the gate.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/finding/finding.h"
#include "harness/finding/known.h"

namespace bioscope {

enum class FindingClass : u8 {
  Violation,  // fails the gate
  Expired,    // matches a known finding whose entry has expired: fails the gate
  Hazard,     // fails the gate only under --strict
  Known,      // matches a known finding
  NotJudged,  // leaves the gate without a verdict
};

inline constexpr std::size_t kFindingClasses = 5;

inline constexpr std::size_t kNoEntry = static_cast<std::size_t>(-1);

struct Classified {
  Finding finding;  // of the first trace, in plan order, that showed it
  FindingClass finding_class = FindingClass::Violation;
  std::size_t known_entry = kNoEntry;  // index, for Known and Expired
  u64 occurrences = 1;                 // seeds and profiles that showed it
  std::size_t first = 0;               // of `finding`, among the findings that were classified
};

std::string_view word_of(FindingClass finding_class);

Classified classify(const Finding& finding, std::span<const KnownFinding> known,
                    std::string_view today);

// Findings of one signature, class and trace become one. The order: violations, expired, hazards,
// known, not judged; within these by first appearance. Hazards may be known too; what was not
// judged never is.
std::vector<Classified> classify(std::span<const Finding> findings,
                                 std::span<const KnownFinding> known, std::string_view today);

// Indices of the entries that no finding matched, expired or not.
std::vector<std::size_t> unmatched(std::span<const Classified> findings,
                                   std::span<const KnownFinding> known);

}  // namespace bioscope
