// SPDX-License-Identifier: Apache-2.0
#include "harness/check/oracle.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/finding/place.h"
#include "models/trace/syntax.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

FindingKind kind_of(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::Hazard:
      return FindingKind::Hazard;
    case VerdictKind::NotJudged:
      return FindingKind::NotJudged;
    default:
      return FindingKind::Violation;
  }
}

class Oracle {
 public:
  Oracle(const std::string& name, const Trace& trace, const History& history)
      : name_(name), trace_(trace), history_(history), model_(trace, history.can) {}

  Checked run() {
    auto hop = history_.hops.begin();
    const auto take_hops = [&](u64 until_tick) {
      for (; hop != history_.hops.end() && hop->tick <= until_tick; ++hop) {
        const Verdict verdict = model_.apply(*hop);
        if (verdict.kind != VerdictKind::Legal) add(verdict, hop->operation);
      }
    };
    for (const Event& event : history_.events) {
      take_hops(event.tick);
      const Verdict verdict = model_.apply(event);
      if (verdict.kind != VerdictKind::Legal) add(verdict, event.operation);
    }
    take_hops(~u64{0});
    for (const Verdict& verdict : model_.finish(history_)) add_end(verdict);
    if (history_.end == HistoryEnd::Crashed) {
      Finding finding = blank(FindingKind::Violation, "crash");
      finding.message = "the subject crashed";
      finding.stack = history_.note;
      finding.signature.place = telling_place(history_.note);
      push(std::move(finding));
    }
    if (history_.end == HistoryEnd::NotJudged) {
      Finding finding = blank(FindingKind::NotJudged, "not-judged");
      finding.message =
          history_.note.empty() ? "the trace could not be played to its end" : history_.note;
      push(std::move(finding));
    }
    checked_.marks = model_.marks();
    return std::move(checked_);
  }

 private:
  Finding blank(FindingKind kind, std::string rule) const {
    Finding finding;
    finding.kind = kind;
    finding.signature.rule = std::move(rule);
    finding.trace_name = name_;
    finding.seed = trace_.seed;
    return finding;
  }

  void add(const Verdict& verdict, OperationId id) {
    Finding finding = blank(kind_of(verdict.kind), std::string(name_of(verdict.rule)));
    if (verdict.kind == VerdictKind::NotJudged) finding.signature.rule = "not-judged";
    finding.signature.target = verdict.target;
    finding.message = verdict.message;
    if (id < operation_count(trace_)) {
      const Operation& operation = operation_at(trace_, id);
      finding.operation = id;
      finding.signature.operation = syntax_of(operation.kind).keyword;
      finding.message = fmt::format("\"{}\": {}", print_operation(operation), verdict.message);
    }
    for (const SectorVerdict& sector : verdict.sectors) {
      finding.evidence.push_back({sector.sector, sector.seen, sector.legal});
    }
    push(std::move(finding));
  }

  // A hang names the operation and the place that it is stuck in; a leftover is a leak.
  void add_end(const Verdict& verdict) {
    const bool hung = verdict.kind == VerdictKind::Violation && verdict.operation.has_value();
    if (!hung) {
      Finding finding = blank(kind_of(verdict.kind), std::string(name_of(verdict.rule)));
      if (verdict.kind == VerdictKind::NotJudged) finding.signature.rule = "not-judged";
      finding.message = verdict.message;
      if (history_.end == HistoryEnd::Hung) finding.stack = history_.note;
      return push(std::move(finding));
    }
    const Operation& operation = operation_at(trace_, *verdict.operation);
    Finding finding = blank(FindingKind::Violation, "hang");
    finding.signature.target = verdict.target;
    finding.signature.operation = syntax_of(operation.kind).keyword;
    finding.signature.place = telling_place(history_.note);
    finding.operation = verdict.operation;
    finding.message = fmt::format("\"{}\" never returned", print_operation(operation));
    finding.stack = history_.note;
    push(std::move(finding));
  }

  void push(Finding finding) {
    const bool known = std::ranges::any_of(checked_.findings, [&](const Finding& other) {
      return other.kind == finding.kind && other.signature == finding.signature;
    });
    if (!known) checked_.findings.push_back(std::move(finding));
  }

  const std::string& name_;
  const Trace& trace_;
  const History& history_;
  Model model_;
  Checked checked_;
};

}  // namespace

Checked check_history(const std::string& name, const Trace& trace, const History& history) {
  return Oracle(name, trace, history).run();
}

}  // namespace bioscope
