// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/spec_subject.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "models/trace/syntax.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

Job job(std::string_view body) {
  const std::string text = "bioscope-trace 1\nseed 1\n" + std::string(body);
  auto trace = parse_trace(text, "test");
  EXPECT_TRUE(trace.has_value()) << (trace ? "" : trace.error().message);
  return {"test", trace.value_or(Trace())};
}

std::size_t place_of(const History& history, EventKind kind, OperationId id) {
  const auto found = std::ranges::find_if(history.events, [&](const Event& event) {
    return event.kind == kind && event.operation == id;
  });
  return static_cast<std::size_t>(found - history.events.begin());
}

TEST(SpecSubject, PlaysEveryOperationOnce) {
  const Job one = job("disk d0 null size=64\nlane A\n  write d0 0+8\n  read d0 0+8\n");
  const auto history = SpecSubject().play(one);
  ASSERT_TRUE(history.has_value()) << history.error().message;
  EXPECT_EQ(history->events.size(), 4U);
  EXPECT_EQ(history->end, HistoryEnd::Completed);
}

TEST(SpecSubject, KeepsTheEdges) {
  const Job two =
      job("disk d0 null size=64\nlane A\n  after returned w\n  read d0 0+8\nlane B\n  w: write d0 "
          "0+8\n");
  const auto history = SpecSubject().play(two);
  ASSERT_TRUE(history.has_value()) << history.error().message;
  EXPECT_LT(place_of(*history, EventKind::Return, 2), place_of(*history, EventKind::Invoke, 1));
}

TEST(SpecSubject, LacksOnlyWhatNoOperationNeeds) {
  Capabilities every;
  for (std::size_t i = 0; i < kCapabilities; ++i) every.add(static_cast<Capability>(i));
  Capabilities lacks;
  lacks.add(Capability::Schedule);
  lacks.add(Capability::Hops);
  EXPECT_EQ(every.without(SpecSubject().can()), lacks);
  for (const OperationSyntax& operation : operation_table()) {
    EXPECT_TRUE(SpecSubject().can().has(operation.needs)) << operation.keyword;
  }
}

}  // namespace
}  // namespace bioscope
