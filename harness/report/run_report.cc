// SPDX-License-Identifier: Apache-2.0
#include "harness/report/run_report.h"

#include <fmt/format.h>

#include <algorithm>

namespace bioscope {
namespace {

u64 count_class(const RunReport& report, FindingClass finding_class) {
  return static_cast<u64>(std::ranges::count_if(report.findings, [&](const FindingReport& finding) {
    return finding.classified.finding_class == finding_class;
  }));
}

std::string counted(u64 count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string why_not_judged(const RunReport& report) {
  if (!report.troubles.empty()) return report.troubles.front();
  for (const Floor& floor : report.floors) {
    if (!floor.held() && !report.floors_waived) {
      return fmt::format("too little was exercised ({})", floor.name);
    }
  }
  const u64 open = report.count(TraceVerdict::NotJudged);
  return fmt::format("{} could not be judged", counted(open, "trace", "traces"));
}

}  // namespace

std::string_view word_of(TraceVerdict verdict) {
  switch (verdict) {
    case TraceVerdict::Passed:
      return "passed";
    case TraceVerdict::Failed:
      return "failed";
    case TraceVerdict::Hazard:
      return "hazard";
    case TraceVerdict::Known:
      return "known";
    case TraceVerdict::NotPlayed:
      return "not played";
    case TraceVerdict::NotJudged:
      return "not judged";
  }
  return "";
}

u64 RunReport::count(TraceVerdict verdict) const {
  return static_cast<u64>(std::ranges::count(traces, verdict, &TraceResult::verdict));
}

std::string verdict_sentence(const RunReport& report) {
  switch (report.status) {
    case ExitStatus::Passed:
      return fmt::format("nothing wrong: {} passed",
                         counted(report.count(TraceVerdict::Passed), "trace", "traces"));
    case ExitStatus::Violated: {
      std::string text;
      const auto add = [&](u64 count, std::string_view one, std::string_view many) {
        if (count == 0) return;
        text += (text.empty() ? "" : ", ") + counted(count, one, many);
      };
      add(count_class(report, FindingClass::Violation), "violation", "violations");
      add(count_class(report, FindingClass::Expired), "expired known finding",
          "expired known findings");
      if (report.strict) add(count_class(report, FindingClass::Hazard), "hazard", "hazards");
      return "the kernel is wrong: " + text;
    }
    case ExitStatus::Interrupted:
      return "interrupted: nothing was decided";
    case ExitStatus::BadInput:
    case ExitStatus::NotJudged:
      return "could not judge: " + why_not_judged(report);
  }
  return "";
}

}  // namespace bioscope
