// SPDX-License-Identifier: Apache-2.0
// One row a rule: a trace whose right history must not be reported, and one change of what the
// operation labelled `x` returned that must be, under that rule. What several rules forbid may be
// reported under another one, which then stands in the row.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "models/spec/model.h"
#include "models/spec/player.h"
#include "models/trace/order.h"
#include "models/trace/text.h"

namespace bioscope {

enum class Breaks : u8 { Error, Value, Text, Short, Hangs };

struct Row {
  const char* rule;   // what the row shows
  const char* lines;  // the trace behind its head
  Breaks breaks;
  int error = 0;                // Error: what x returns instead
  const char* text = "";        // Text: what it says instead
  const char* found = nullptr;  // the rule that reports it, if another
  VerdictKind kind = VerdictKind::Violation;
};

inline constexpr const char* kHead =
    "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\ndisk d1 null size=8192\n"
    "disk c0 null size=8192\ndisk d2 null size=65536\ndisk c2 null size=131072\ndisk f0 controlled "
    "size=8192 "
    "cache=volatile\nlane A\n";
// Zero data where the trace expects a stamp, a foreign stamp where it expects zeroes.
inline void break_value(Event& event) {
  ASSERT_FALSE(event.data.empty());
  const bool zero = std::holds_alternative<Zero>(event.data.back().first);
  event.data = {{event.count_sectors, zero ? Sector{Stamp{0, 4711, 1}} : Sector{Zero{}}}};
}

struct Outcome {
  VerdictKind kind = VerdictKind::Legal;
  std::string rule;
  std::string message;
};

inline Outcome worst(const Trace& trace, const History& history, bool hung) {
  Model model(trace);
  std::vector<Verdict> verdicts;
  for (const Event& event : history.events) verdicts.push_back(model.apply(event));
  if (hung) {
    for (Verdict& verdict : model.finish(history)) verdicts.push_back(std::move(verdict));
  }
  for (const Verdict& verdict : verdicts) {
    if (verdict.kind != VerdictKind::Legal) {
      return {verdict.kind, std::string(name_of(verdict.rule)), verdict.message};
    }
  }
  return {};
}

inline void check_row(const Row& row) {
  const auto trace = parse_trace(std::string(kHead) + row.lines, row.rule);
  ASSERT_TRUE(trace.has_value()) << trace.error().message;
  ASSERT_NE(find_rule(row.rule), nullptr);
  History history = perfect_history(*trace);
  const Outcome right = worst(*trace, history, false);
  EXPECT_EQ(right.kind, VerdictKind::Legal) << right.rule << ": " << right.message;
  const OperationId id = *find_labelled(*trace, "x");
  const auto event = std::ranges::find_if(history.events, [&](const Event& each) {
    return each.kind == EventKind::Return && each.operation == id;
  });
  ASSERT_NE(event, history.events.end());
  switch (row.breaks) {
    case Breaks::Error:
      EXPECT_NE(event->error, row.error) << "the row breaks nothing";
      event->error = row.error;
      if (row.error == 0) event->count_sectors = operation_at(*trace, id).range.count_sectors;
      break;
    case Breaks::Value:
      break_value(*event);
      break;
    case Breaks::Text:
      EXPECT_NE(event->text, row.text) << "the row breaks nothing";
      event->text = row.text;
      break;
    case Breaks::Short:
      event->count_sectors = 0;
      event->data.clear();
      break;
    case Breaks::Hangs:
      history.events.erase(event, history.events.end());
      history.end = HistoryEnd::Hung;
      break;
  }
  const Outcome wrong = worst(*trace, history, row.breaks == Breaks::Hangs);
  EXPECT_EQ(wrong.kind, row.kind) << wrong.message;
  if (row.breaks != Breaks::Hangs) {
    EXPECT_EQ(wrong.rule, row.found != nullptr ? row.found : row.rule) << wrong.message;
  }
}

inline std::string row_name(const testing::TestParamInfo<Row>& row) {
  return fmt::format("{}_row{}", row.param.rule, row.index);
}

}  // namespace bioscope
