// SPDX-License-Identifier: Apache-2.0
#include "harness/report/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace bioscope {
namespace {

constexpr std::size_t kShownEvidence = 2;  // in the block; report.txt has all
constexpr std::size_t kShownStackLines = 12;
constexpr std::size_t kTextColumns = 94;   // of a message, behind its indentation
constexpr std::size_t kShownOfAClass = 8;  // findings of one class in the block

std::string line(std::string_view key, std::string_view text) {
  return fmt::format("{:<9} {}\n", key, text);
}

std::string traces_line(const RunReport& report) {
  std::vector<std::string> parts;
  for (const TraceVerdict verdict :
       {TraceVerdict::Passed, TraceVerdict::Failed, TraceVerdict::Hazard, TraceVerdict::Known,
        TraceVerdict::NotPlayed, TraceVerdict::NotJudged}) {
    const u64 count = report.count(verdict);
    if (count > 0) parts.push_back(fmt::format("{} {}", count, word_of(verdict)));
  }
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string boots_line(const RunReport& report) {
  if (report.wall.boots.empty()) return "none";
  u64 wall_ms = 0;
  u64 guest_ms = 0;
  u64 counted = 0;
  for (const BootWall& boot : report.wall.boots) {
    if (boot.guest_boot_ms == 0) continue;
    wall_ms += boot.boot_ms;
    guest_ms += boot.guest_boot_ms;
    ++counted;
  }
  std::string text = fmt::format("{}", report.boots.size());
  if (counted > 0) {
    const auto each_s = [&](u64 ms) {
      return static_cast<double>(ms) / static_cast<double>(counted) / 1000;
    };
    text += fmt::format(", {:.1f} s each until the agent ran ({:.1f} s on the guest's clock)",
                        each_s(wall_ms), each_s(guest_ms));
  }
  return text;
}

std::string floor_line(const Floor& floor) {
  std::string have = fmt::format("{}", floor.have);
  std::string least = fmt::format("at least {}", floor.least);
  if (floor.is_share) {
    have = floor.of == 0
               ? "nothing to count"
               : fmt::format("{} % ({} of {})", floor.have * 100 / floor.of, floor.have, floor.of);
    least += " %";
  }
  return fmt::format("  {} {:<30} {}; {}\n", floor.held() ? "ok " : "LOW", floor.name, have, least);
}

std::string indented(std::string_view text, std::size_t most_lines) {
  std::string result;
  std::size_t lines = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (lines++ == most_lines) return result + "      ..\n";
    result += fmt::format("      {}\n", text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

// Breaks at blanks; a word that is longer than a line stays whole.
std::string wrapped(std::string_view text) {
  std::string result;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    const std::string_view word = text.substr(0, end);
    if (column > 0 && column + 1 + word.size() > kTextColumns) {
      result += '\n';
      column = 0;
    }
    if (column > 0) result += ' ';
    result += word;
    column += word.size() + (column > 0 ? 1 : 0);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::string finding_text(const RunReport& report, const FindingReport& finding, bool all) {
  const Finding& one = finding.classified.finding;
  const FindingClass finding_class = finding.classified.finding_class;
  const bool fails = finding_class == FindingClass::Violation ||
                     finding_class == FindingClass::Expired ||
                     (report.strict && finding_class == FindingClass::Hazard);
  std::string word(word_of(finding_class));
  if (fails)
    std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::toupper(c); });
  std::string text =
      fmt::format("  {}  {}  {} seed={}", word, to_text(one.signature), one.trace_name, one.seed);
  if (finding.classified.occurrences > 1) {
    text += fmt::format(" ({} times)", finding.classified.occurrences);
  }
  text += "\n" + indented(wrapped(one.message), all ? SIZE_MAX : 4);
  std::size_t shown = 0;
  for (const Evidence& evidence : one.evidence) {
    if (!all && shown++ == kShownEvidence) {
      text += fmt::format("      .. {} sectors in all\n", one.evidence.size());
      break;
    }
    std::vector<std::string> legal;
    for (const Sector& sector : evidence.legal) legal.push_back(to_text(sector));
    text += fmt::format("      sector {}: seen {}, legal {}\n", evidence.sector,
                        to_text(evidence.seen), fmt::join(legal, " or "));
  }
  if (finding.classified.known_entry != kNoEntry) {
    const KnownFinding& entry = report.known[finding.classified.known_entry];
    text +=
        indented(wrapped(fmt::format("known until {}: {}", entry.expiry, entry.reason)), SIZE_MAX) +
        indented(entry.link, 1);
  }
  if (all || fails || finding_class == FindingClass::Known) {
    for (const std::string* part : {&one.splat, &one.stack}) {
      text += indented(*part, all ? SIZE_MAX : kShownStackLines);
    }
  }
  return text + fmt::format("      repro/{}/run.sh shows it again\n", finding.id);
}

std::string unmatched_text(const RunReport& report) {
  std::string text;
  for (const std::size_t index : report.known_unmatched) {
    const KnownFinding& entry = report.known[index];
    const bool played = std::ranges::any_of(report.traces, [&](const TraceResult& trace) {
      return trace.name == entry.trace && trace.verdict != TraceVerdict::NotPlayed;
    });
    text += line("known", fmt::format("{} matched nothing: {} {}", to_text(entry), entry.trace,
                                      played ? "was played and did not show it; drop the entry if "
                                               "the bug is mended"
                                             : "is not in what was played"));
  }
  return text;
}

std::string head(const RunReport& report) {
  std::string subject = report.subject;
  if (!report.replaced_modules.empty()) {
    subject += fmt::format(", with {} from --modules", fmt::join(report.replaced_modules, " "));
  }
  return line("subject", subject) +
         line("suite", fmt::format("{}, profile {}, seed {}{}", report.suite,
                                   fmt::join(report.profiles, " and "), report.seed,
                                   report.strict ? ", strict" : "")) +
         line("boots", boots_line(report)) + line("traces", traces_line(report)) +
         line("time", fmt::format("{:.1f} s, {:.1f} traces/s after boot",
                                  static_cast<double>(report.wall.total_ms) / 1000,
                                  report.wall.traces_per_second));
}

}  // namespace

std::string verdict_block(const RunReport& report) {
  std::string text = head(report);
  if (!report.floors.empty()) text += "floors\n";
  for (const Floor& floor : report.floors) text += floor_line(floor);
  if (report.floors_waived) text += "  waived by --allow-unexercised\n";
  if (!report.not_observed.empty()) {
    text += line("unseen", fmt::format("without {}", fmt::join(report.not_observed, ", ")));
  }
  text += unmatched_text(report);
  if (!report.findings.empty()) text += "findings\n";
  std::map<FindingClass, std::size_t> shown;
  for (const FindingReport& finding : report.findings) {
    if (shown[finding.classified.finding_class]++ < kShownOfAClass) {
      text += finding_text(report, finding, false);
    }
  }
  for (const auto& [finding_class, count] : shown) {
    if (count <= kShownOfAClass) continue;
    text += fmt::format("  and {} more of class {}; report.txt has them all\n",
                        count - kShownOfAClass, word_of(finding_class));
  }
  for (const std::string& trouble : report.troubles) text += line("trouble", trouble);
  return text + fmt::format("verdict   {} (status {})\n", verdict_sentence(report),
                            static_cast<int>(report.status));
}

std::string report_text(const RunReport& report) {
  std::string text = verdict_block(report);
  if (!report.findings.empty()) text += "\nEvery finding in full\n";
  for (const FindingReport& finding : report.findings) text += finding_text(report, finding, true);
  std::map<std::string, std::vector<std::string>> not_played;  // by reason
  for (const TraceResult& trace : report.traces) {
    if (trace.verdict == TraceVerdict::NotPlayed) not_played[trace.reason].push_back(trace.name);
  }
  if (!not_played.empty()) text += "\nNot played, so neither passed nor failed\n";
  for (const auto& [reason, names] : not_played) {
    text += fmt::format("  {}\n", reason);
    for (const std::string& name : names) text += fmt::format("      {}\n", name);
  }
  return text;
}

}  // namespace bioscope
