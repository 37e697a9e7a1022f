// SPDX-License-Identifier: Apache-2.0
#include "harness/finding/classify.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace bioscope {
namespace {

FindingClass class_of(const Finding& finding, const KnownFinding* entry, std::string_view today) {
  if (finding.kind == FindingKind::NotJudged) return FindingClass::NotJudged;
  if (entry != nullptr) return entry->expired(today) ? FindingClass::Expired : FindingClass::Known;
  return finding.kind == FindingKind::Hazard ? FindingClass::Hazard : FindingClass::Violation;
}

}  // namespace

std::string_view word_of(FindingClass finding_class) {
  switch (finding_class) {
    case FindingClass::Violation:
      return "violation";
    case FindingClass::Expired:
      return "expired known finding";
    case FindingClass::Hazard:
      return "hazard";
    case FindingClass::Known:
      return "known";
    case FindingClass::NotJudged:
      return "not judged";
  }
  return "";
}

Classified classify(const Finding& finding, std::span<const KnownFinding> known,
                    std::string_view today) {
  const auto entry = std::ranges::find_if(known, [&](const KnownFinding& candidate) {
    return candidate.matches(finding.signature, finding.trace_name);
  });
  const bool matched = entry != known.end();
  Classified result{finding, class_of(finding, matched ? &*entry : nullptr, today)};
  if (matched && result.finding_class != FindingClass::NotJudged) {
    result.known_entry = static_cast<std::size_t>(entry - known.begin());
  }
  return result;
}

std::vector<Classified> classify(std::span<const Finding> findings,
                                 std::span<const KnownFinding> known, std::string_view today) {
  std::vector<Classified> result;
  std::map<std::tuple<Signature, FindingClass, std::string>, std::size_t> place_of;
  for (std::size_t i = 0; i < findings.size(); ++i) {
    Classified one = classify(findings[i], known, today);
    one.first = i;
    const auto [place, fresh] = place_of.try_emplace(
        {findings[i].signature, one.finding_class, findings[i].trace_name}, result.size());
    if (fresh) {
      result.push_back(std::move(one));
    } else {
      ++result[place->second].occurrences;
    }
  }
  std::vector<Classified> sorted;
  for (std::size_t i = 0; i < kFindingClasses; ++i) {
    for (Classified& finding : result) {
      if (finding.finding_class == static_cast<FindingClass>(i))
        sorted.push_back(std::move(finding));
    }
  }
  return sorted;
}

std::vector<std::size_t> unmatched(std::span<const Classified> findings,
                                   std::span<const KnownFinding> known) {
  std::set<std::size_t> matched;
  for (const Classified& finding : findings) matched.insert(finding.known_entry);
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (!matched.contains(i)) result.push_back(i);
  }
  return result;
}

}  // namespace bioscope
