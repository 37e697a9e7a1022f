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

}  // namespace

std::string to_ktap(const RunReport& report) {
  std::string text = fmt::format("KTAP version 1\n1..{}\n", report.traces.size());
  std::size_t number = 0;
  for (const TraceResult& trace : report.traces) {
    ++number;
    const bool say = !trace.reason.empty() && trace.verdict != TraceVerdict::NotPlayed;
    if (say) text += fmt::format("# {}: {}\n", word_of(trace.verdict), one_line(trace.reason));
    text += fmt::format("{} {} {} seed={} {}{}\n", point_of(trace.verdict), number,
                        one_line(trace.name), trace.seed, trace.profile, directive_of(trace));
  }
  text += fmt::format("# bioscope: status {}: {}\n", static_cast<int>(report.status),
                      one_line(verdict_sentence(report)));
  return text;
}

}  // namespace bioscope
