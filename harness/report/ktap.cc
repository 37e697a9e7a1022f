// SPDX-License-Identifier: Apache-2.0
#include "harness/report/ktap.h"

#include <fmt/format.h>

#include <algorithm>

namespace bioscope {
namespace {

// A description and a diagnostic are one line each, and '#' starts a directive.
std::string one_line(std::string text) {
  std::ranges::replace_if(text, [](char c) { return c == '\n' || c == '\r' || c == '#'; }, ' ');
  return text;
}

std::string_view point_of(TraceVerdict verdict) {
  switch (verdict) {
    case TraceVerdict::Passed:
    case TraceVerdict::NotPlayed:
      return "ok";
    case TraceVerdict::Failed:
    case TraceVerdict::Hazard:
    case TraceVerdict::Known:
    case TraceVerdict::NotJudged:
      return "not ok";
  }
  return "not ok";
}

std::string directive_of(const TraceResult& trace) {
  switch (trace.verdict) {
    case TraceVerdict::NotPlayed:
      return " # SKIP " + one_line(trace.reason);
    case TraceVerdict::Hazard:
      return " # XFAIL hazard";
    case TraceVerdict::Known:
      return " # XFAIL known finding";
    case TraceVerdict::Passed:
    case TraceVerdict::Failed:
    case TraceVerdict::NotJudged:
      return "";
  }
  return "";
}

std::string_view directive_of(const FindingReport& finding, bool strict) {
  const FindingClass finding_class = finding.classified.finding_class;
  if (finding_class == FindingClass::Known) return " # XFAIL known finding";
  return finding_class == FindingClass::Hazard && !strict ? " # XFAIL hazard" : "";
}

}  // namespace

std::string to_ktap(const RunReport& report) {
  const auto loose = std::ranges::count(report.findings, false, &FindingReport::is_of_a_trace);
  std::string text = fmt::format("KTAP version 1\n1..{}\n",
                                 report.traces.size() + static_cast<std::size_t>(loose) + 1);
  std::size_t number = 0;
  for (const TraceResult& trace : report.traces) {
    ++number;
    const bool say = !trace.reason.empty() && trace.verdict != TraceVerdict::NotPlayed;
    if (say) text += fmt::format("# {}: {}\n", word_of(trace.verdict), one_line(trace.reason));
    text += fmt::format("{} {} {} seed={} {}{}\n", point_of(trace.verdict), number,
                        one_line(trace.name), trace.seed, trace.profile, directive_of(trace));
  }
  // What belongs to no trace, and the verdict, would be seen by nobody who only reads this file.
  for (const FindingReport& finding : report.findings) {
    if (finding.is_of_a_trace) continue;
    const Finding& one = finding.classified.finding;
    text += fmt::format("# {}: {}\nnot ok {} boot {} {} {}{}\n",
                        word_of(finding.classified.finding_class), one_line(one.message), ++number,
                        finding.boot, one_line(to_text(one.signature)), finding.profile,
                        directive_of(finding, report.strict));
  }
  text += fmt::format("# bioscope: status {}: {}\n{} {} verdict\n", static_cast<int>(report.status),
                      one_line(verdict_sentence(report)),
                      report.status == ExitStatus::Passed ? "ok" : "not ok", ++number);
  return text;
}

}  // namespace bioscope
