// SPDX-License-Identifier: Apache-2.0
#include "harness/report/json.h"

#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "models/trace/syntax.h"

namespace bioscope {
namespace {

using Json = nlohmann::ordered_json;

// Consoles and messages may hold any byte: what is no UTF-8 is replaced, never thrown about.
std::string print(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json finding_json(const FindingReport& report) {
  const Finding& finding = report.classified.finding;
  Json json;
  json["id"] = report.id;
  json["class"] = word_of(report.classified.finding_class);
  json["signature"] = to_text(finding.signature);
  json["rule"] = finding.signature.rule;
  json["target"] = finding.signature.target;
  json["operation"] = finding.signature.operation;
  json["place"] = finding.signature.place;
  json["trace"] = finding.trace_name;
  json["seed"] = finding.seed;
  json["profile"] = report.profile;
  json["boot"] = report.boot;
  if (finding.operation) json["operation_id"] = *finding.operation;
  json["occurrences"] = report.classified.occurrences;
  json["message"] = finding.message;
  json["evidence"] = Json::array();
  for (const Evidence& evidence : finding.evidence) {
    Json one{{"sector", evidence.sector}, {"seen", to_text(evidence.seen)}};
    one["legal"] = Json::array();
    for (const Sector& legal : evidence.legal) one["legal"].push_back(to_text(legal));
    json["evidence"].push_back(one);
  }
  if (!finding.stack.empty()) json["stack"] = finding.stack;
  if (!finding.splat.empty()) json["splat"] = finding.splat;
  return json;
}

std::string outcome_word(int error) {
  const char* name = error == 0 ? "0" : strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

Json marks_json(const Marks& marks) {
  Json json{{"reads", marks.reads},
            {"reads_binding", marks.reads_binding},
            {"operations", marks.operations},
            {"operations_succeeded", marks.operations_succeeded},
            {"splits", marks.splits},
            {"copy_outs", marks.copy_outs},
            {"attaches_under_io", marks.attaches_under_io}};
  Json rules = Json::object();
  for (std::size_t id = 1; id < marks.exercised.size(); ++id) {
    if (marks.exercised[id] == 0) continue;
    rules[std::string(name_of(static_cast<RuleId>(id)))] = marks.exercised[id];
  }
  json["rules"] = rules;
  // Sorted: what was seen does not depend on the order in which traces were played.
  std::map<std::string, std::map<std::string, u64>> outcomes;
  for (const SeenOutcome& seen : marks.outcomes) {
    outcomes[std::string(syntax_of(seen.kind).keyword)][outcome_word(seen.error)] += seen.times;
  }
  json["outcomes"] = outcomes;
  return json;
}

Json floors_json(const RunReport& report) {
  Json json = Json::array();
  for (const Floor& floor : report.floors) {
    Json one{{"name", floor.name}, {"have", floor.have}};
    if (floor.is_share) one["of"] = floor.of;
    one[floor.is_share ? "least_percent" : "least"] = floor.least;
    one["held"] = floor.held();
    json.push_back(one);
  }
  return json;
}

Json known_json(const RunReport& report) {
  Json json = Json::array();
  for (std::size_t i = 0; i < report.known.size(); ++i) {
    const KnownFinding& entry = report.known[i];
    u64 matches = 0;
    for (const FindingReport& finding : report.findings) {
      if (finding.classified.known_entry == i) matches += finding.classified.occurrences;
    }
    json.push_back({{"signature", to_text(entry)},
                    {"trace", entry.trace},
                    {"reason", entry.reason},
                    {"link", entry.link},
                    {"expiry", entry.expiry},
                    {"occurrences", matches}});
  }
  return json;
}

Json wall_json(const RunReport& report) {
  Json boots = Json::array();
  for (const BootWall& boot : report.wall.boots) {
    boots.push_back({{"wall_ms", boot.wall_ms},
                     {"boot_ms", boot.boot_ms},
                     {"guest_boot_ms", boot.guest_boot_ms}});
  }
  return {{"started", report.wall.started},
          {"total_ms", report.wall.total_ms},
          {"traces_per_second", report.wall.traces_per_second},
          {"boots", boots}};
}

}  // namespace

std::string to_json(const RunReport& report) {
  Json json;
  json["format"] = 1;
  json["status"] = static_cast<int>(report.status);
  json["verdict"] = verdict_sentence(report);
  json["subject"] = report.subject;
  json["kernel_hash"] = report.kernel.hex();
  json["suite"] = report.suite;
  json["seed"] = report.seed;
  json["strict"] = report.strict;
  json["profiles"] = report.profiles;
  json["replaced_modules"] = report.replaced_modules;
  for (const TraceVerdict verdict :
       {TraceVerdict::Passed, TraceVerdict::Failed, TraceVerdict::Hazard, TraceVerdict::Known,
        TraceVerdict::NotPlayed, TraceVerdict::NotJudged}) {
    json["counts"][std::string(word_of(verdict))] = report.count(verdict);
  }
  json["findings"] = Json::array();
  for (const FindingReport& finding : report.findings) {
    json["findings"].push_back(finding_json(finding));
  }
  json["known_findings"] = known_json(report);
  json["floors"] = floors_json(report);
  json["floors_waived"] = report.floors_waived;
  json["marks"] = marks_json(report.marks);
  json["not_observed"] = report.not_observed;
  json["troubles"] = report.troubles;
  json["boots"] = Json::array();
  for (const BootResult& boot : report.boots) {
    json["boots"].push_back({{"profile", boot.profile},
                             {"ending", boot.ending},
                             {"traces", boot.traces},
                             {"initramfs_hash", boot.initramfs.hex()}});
  }
  json["traces"] = Json::array();
  for (const TraceResult& trace : report.traces) {
    Json one{{"name", trace.name},
             {"seed", trace.seed},
             {"profile", trace.profile},
             {"verdict", word_of(trace.verdict)}};
    if (trace.verdict != TraceVerdict::NotPlayed) one["boot"] = trace.boot;
    if (!trace.reason.empty()) one["reason"] = trace.reason;
    json["traces"].push_back(one);
  }
  json["wall"] = wall_json(report);
  return print(json);
}

std::string to_json(const FindingReport& finding) {
  return print(finding_json(finding));
}

}  // namespace bioscope
