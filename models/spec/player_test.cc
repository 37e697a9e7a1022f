// SPDX-License-Identifier: Apache-2.0
#include "models/spec/player.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "models/trace/text.h"

namespace bioscope {
namespace {

Trace parsed(std::string_view body) {
  auto trace = parse_trace("bioscope-trace 1\nseed 1\n" + std::string(body), "test");
  EXPECT_TRUE(trace.has_value()) << (trace ? "" : trace.error().message);
  return trace.value_or(Trace());
}

std::size_t place_of(const History& history, EventKind kind, OperationId id) {
  const auto found = std::ranges::find_if(history.events, [&](const Event& event) {
    return event.kind == kind && event.operation == id;
  });
  return static_cast<std::size_t>(found - history.events.begin());
}

TEST(PerfectHistory, TakesTheDiskStepsWithTheirEdges) {
  const History history = perfect_history(
      parsed("disk d0 controlled size=64\nlane A\n  r: async read d0 0+8\n  wait r\nlane B\n"
             "  after held h\n  write d0 8+8\ndisk-script\n  h: hold d0 read 0+8 after invoked r\n"
             "  release h when quiet\n"));
  EXPECT_EQ(history.end, HistoryEnd::Completed);
  const std::size_t held = place_of(history, EventKind::Held, 0);
  const std::size_t done = place_of(history, EventKind::Done, 0);
  ASSERT_LT(done, history.events.size());
  EXPECT_LT(place_of(history, EventKind::Invoke, 0), held);
  EXPECT_LT(held, place_of(history, EventKind::Invoke, 2));
  EXPECT_LT(place_of(history, EventKind::Return, 3), done);
}

TEST(WaitsForEver, IsSaidOfWhatNobodyEnds) {
  const auto after_suspend = [](std::string_view body) {
    return parsed(
        "disk d0 null size=64\nlane A\n  create x; load x \"0 64 linear d0 0\"; resume x\n" +
        std::string(body));
  };
  EXPECT_TRUE(waits_for_ever(after_suspend("  suspend x\n  read x 0+8\n  resume x\n")));
  EXPECT_TRUE(waits_for_ever(after_suspend("  suspend x\n  r: async read x 0+8\n")));
  EXPECT_FALSE(waits_for_ever(
      after_suspend("  suspend x\n  r: async read x 0+8\n  resume x\n  wait r\n  suspend x\n")));
  EXPECT_FALSE(waits_for_ever(after_suspend("  suspend x noflush\n  resume x\n  read x 0+8\n")));
}

TEST(PerfectHistory, ReturnsWhatWouldWaitForEverWhenNothingElseCanRun) {
  const History history = perfect_history(
      parsed("disk d0 null size=64\nlane A\n  create x; load x \"0 64 linear d0 0\"; resume x\n"
             "  s: suspend x\n  after returned r\n  resume x\nlane B\n  after returned s\n"
             "  r: read x 0+8\n"));
  EXPECT_EQ(history.end, HistoryEnd::Completed);
  EXPECT_EQ(history.events.size(), 16U);
  EXPECT_LT(place_of(history, EventKind::Return, 7), place_of(history, EventKind::Invoke, 5));
}

}  // namespace
}  // namespace bioscope
