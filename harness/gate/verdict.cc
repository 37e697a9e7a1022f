// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/verdict.h"

#include <algorithm>

namespace bioscope {
namespace {

bool fails(FindingClass finding_class, bool strict) {
  return finding_class == FindingClass::Violation || finding_class == FindingClass::Expired ||
         (strict && finding_class == FindingClass::Hazard);
}

}  // namespace

TraceVerdict verdict_of(PlayEnd end, std::span<const Classified> findings, bool strict) {
  const auto any = [&](auto matches) {
    return std::ranges::any_of(
        findings, [&](const Classified& finding) { return matches(finding.finding_class); });
  };
  if (any([&](FindingClass c) { return fails(c, strict); })) return TraceVerdict::Failed;
  if (end == PlayEnd::NotPlayed) return TraceVerdict::NotPlayed;
  if (end == PlayEnd::NotJudged) return TraceVerdict::NotJudged;
  if (any([](FindingClass c) { return c == FindingClass::NotJudged; })) {
    return TraceVerdict::NotJudged;
  }
  if (any([](FindingClass c) { return c == FindingClass::Hazard; })) return TraceVerdict::Hazard;
  if (any([](FindingClass c) { return c == FindingClass::Known; })) return TraceVerdict::Known;
  // A lost guest always has a finding; without one nothing is known of it (V1).
  return end == PlayEnd::Played ? TraceVerdict::Passed : TraceVerdict::NotJudged;
}

ExitStatus status_of(const RunReport& report, bool interrupted) {
  if (interrupted) return ExitStatus::Interrupted;
  const bool violated = std::ranges::any_of(report.findings, [&](const FindingReport& finding) {
    return fails(finding.classified.finding_class, report.strict);
  });
  if (violated) return ExitStatus::Violated;
  if (!report.troubles.empty() || report.count(TraceVerdict::NotJudged) > 0) {
    return ExitStatus::NotJudged;
  }
  const u64 not_played = report.count(TraceVerdict::NotPlayed);
  if (not_played == report.traces.size()) return ExitStatus::NotJudged;
  const bool low =
      std::ranges::any_of(report.floors, [](const Floor& floor) { return !floor.held(); });
  if (low && !report.floors_waived) return ExitStatus::NotJudged;
  return ExitStatus::Passed;
}

}  // namespace bioscope
