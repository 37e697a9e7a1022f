// SPDX-License-Identifier: Apache-2.0
#include "harness/report/sample_report.h"

namespace bioscope {
namespace {

TraceResult trace(std::string name, TraceVerdict verdict, std::string reason) {
  return {std::move(name), 7, "det", 0, verdict, std::move(reason)};
}

FindingReport finding(FindingKind kind, FindingClass finding_class, Signature signature,
                      std::string trace_name) {
  FindingReport report;
  report.classified.finding.kind = kind;
  report.classified.finding.signature = std::move(signature);
  report.classified.finding.trace_name = std::move(trace_name);
  report.classified.finding.seed = 7;
  report.classified.finding.message = "snap 8+8: a read saw <new> data & more";
  report.classified.finding.evidence = {{8, Stamp{3, 8, 1}, {Sector(Zero{})}}};
  report.classified.finding_class = finding_class;
  report.profile = "det";
  report.id = bundle_id(report.classified.finding, report.profile);
  return report;
}

}  // namespace

RunReport sample_report() {
  RunReport report;
  report.subject = "kernel 6.1.0-56-cloud-amd64 (6.1.192-2)";
  report.suite = "smoke";
  report.seed = 7;
  report.profiles = {"det"};
  report.traces = {trace("a/passes.trace", TraceVerdict::Passed, ""),
                   trace("a/fails.trace", TraceVerdict::Failed, "a read saw new data"),
                   trace("a/hazard.trace", TraceVerdict::Hazard, "silently wrong"),
                   trace("a/known.trace", TraceVerdict::Known, "the era bug"),
                   trace("a/lacks.trace", TraceVerdict::NotPlayed, "the guest lacks probe"),
                   trace("a/open.trace", TraceVerdict::NotJudged, "QEMU died\x01")};
  report.findings = {finding(FindingKind::Violation, FindingClass::Violation,
                             {"R65", "snapshot", "read", ""}, "a/fails.trace"),
                     finding(FindingKind::Hazard, FindingClass::Hazard,
                             {"R74", "snapshot", "read", ""}, "a/hazard.trace"),
                     finding(FindingKind::Violation, FindingClass::Known,
                             {"hang", "era", "status", "perform_rpc"}, "a/known.trace")};
  report.findings[2].classified.known_entry = 0;
  report.findings[2].classified.finding.stack = "perform_rpc+0x1/0x2\n";
  report.known = {{"hang", "era", "", "", "a/known.trace", "status waits", "link", "2027-12-31"},
                  {"R99", "", "", "", "a/passes.trace", "nothing", "link", "2027-12-31"},
                  {"R98", "", "", "", "b/elsewhere.trace", "nothing", "link", "2027-12-31"}};
  report.known_unmatched = {1, 2};
  report.floors = {{"reads judged bindingly", 90, 100, 50, true}, {"copy-outs", 3, 0, 10, false}};
  report.marks.exercised.assign(kRuleIds, 0);
  report.marks.exercised[65] = 4;
  report.boots = {{"det", "finished", "qemu-system-x86_64 -M q35", Hash::of("initramfs"), 5,
                   "Linux version\n"}};
  report.wall = {"2026-01-31T12:00:00Z", 21'000, 41.5, {{9000, 2100}}};
  report.status = ExitStatus::Violated;
  return report;
}

Bundle sample_bundle(const RunReport& report) {
  return {report.findings.front(), "bioscope-trace 1\n", "0 A read\n", "Linux version\n"};
}

}  // namespace bioscope
