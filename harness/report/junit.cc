// SPDX-License-Identifier: Apache-2.0
#include "harness/report/junit.h"

#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>

namespace bioscope {
namespace {

// XML 1.0 has no place for control characters, and consoles are full of them.
std::string printable(std::string text) {
  std::ranges::replace_if(
      text,
      [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n' && c != '\t') || byte >= 0x7f;
      },
      '?');
  return text;
}

void add_outcome(pugi::xml_node test, const char* kind, const std::string& message,
                 const std::string& body) {
  pugi::xml_node node = test.append_child(kind);
  node.append_attribute("message") = printable(message).c_str();
  if (!body.empty()) node.text().set(printable(body).c_str());
}

// All that is known of the findings of a trace, for the body of its failure.
std::string findings_of(const RunReport& report, const std::string& name) {
  std::string text;
  for (const FindingReport& finding : report.findings) {
    const Finding& one = finding.classified.finding;
    if (one.trace_name != name) continue;
    text += fmt::format("{} {}: {}\nrepro/{}\n", word_of(finding.classified.finding_class),
                        to_text(one.signature), one.message, finding.id);
    for (const std::string* part : {&one.splat, &one.stack}) {
      if (!part->empty()) text += *part + "\n";
    }
  }
  return text;
}

struct Counts {
  u64 failures = 0;
  u64 errors = 0;
  u64 skipped = 0;
};

void add_trace(pugi::xml_node suite, const RunReport& report, const TraceResult& trace,
               Counts& counts) {
  pugi::xml_node test = suite.append_child("testcase");
  test.append_attribute("classname") = fmt::format("bioscope.{}", trace.profile).c_str();
  test.append_attribute("name") = fmt::format("{} seed={}", trace.name, trace.seed).c_str();
  switch (trace.verdict) {
    case TraceVerdict::Passed:
      return;
    case TraceVerdict::Failed:
      ++counts.failures;
      return add_outcome(test, "failure", trace.reason, findings_of(report, trace.name));
    case TraceVerdict::NotJudged:
      ++counts.errors;
      return add_outcome(test, "error", trace.reason, findings_of(report, trace.name));
    case TraceVerdict::NotPlayed:
    case TraceVerdict::Hazard:
    case TraceVerdict::Known:
      ++counts.skipped;
      return add_outcome(test, "skipped",
                         fmt::format("{}: {}", word_of(trace.verdict), trace.reason), "");
  }
}

// What belongs to no trace would be seen nowhere else.
void add_finding(pugi::xml_node suite, const RunReport& report, const FindingReport& finding,
                 Counts& counts) {
  const Finding& one = finding.classified.finding;
  pugi::xml_node test = suite.append_child("testcase");
  test.append_attribute("classname") = fmt::format("bioscope.{}", finding.profile).c_str();
  test.append_attribute("name") =
      printable(fmt::format("boot {} {}", finding.boot, to_text(one.signature))).c_str();
  const std::string body = one.splat + one.stack;
  const FindingClass finding_class = finding.classified.finding_class;
  if (finding_class == FindingClass::Known ||
      (finding_class == FindingClass::Hazard && !report.strict)) {
    ++counts.skipped;
    return add_outcome(test, "skipped", fmt::format("{}: {}", word_of(finding_class), one.message),
                       "");
  }
  const bool judged = finding_class != FindingClass::NotJudged;
  ++(judged ? counts.failures : counts.errors);
  add_outcome(test, judged ? "failure" : "error", one.message, body);
}

// The verdict of the whole run, so that whoever only reads this file cannot miss it.
void add_verdict(pugi::xml_node suite, const RunReport& report, Counts& counts) {
  pugi::xml_node test = suite.append_child("testcase");
  test.append_attribute("classname") = "bioscope";
  test.append_attribute("name") = "verdict";
  if (report.status == ExitStatus::Passed) return;
  const bool violated = report.status == ExitStatus::Violated;
  ++(violated ? counts.failures : counts.errors);
  add_outcome(test, violated ? "failure" : "error", verdict_sentence(report), "");
}

}  // namespace

std::string to_junit(const RunReport& report) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("testsuites");
  pugi::xml_node suite = root.append_child("testsuite");
  suite.append_attribute("name") = fmt::format("bioscope {}", report.suite).c_str();
  Counts counts;
  for (const TraceResult& trace : report.traces) add_trace(suite, report, trace, counts);
  u64 tests = report.traces.size() + 1;
  for (const FindingReport& finding : report.findings) {
    if (finding.is_of_a_trace) continue;
    add_finding(suite, report, finding, counts);
    ++tests;
  }
  add_verdict(suite, report, counts);
  for (pugi::xml_node node : {root, suite}) {
    node.append_attribute("tests") = static_cast<unsigned long long>(tests);
    node.append_attribute("failures") = static_cast<unsigned long long>(counts.failures);
    node.append_attribute("errors") = static_cast<unsigned long long>(counts.errors);
    node.append_attribute("skipped") = static_cast<unsigned long long>(counts.skipped);
  }
  std::ostringstream text;
  document.save(text, "  ");
  return text.str();
}

}  // namespace bioscope
