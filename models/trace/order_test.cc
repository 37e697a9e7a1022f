// SPDX-License-Identifier: Apache-2.0
#include "models/trace/order.h"

#include <gtest/gtest.h>

#include "models/trace/text.h"

namespace bioscope {
namespace {

Trace parse(std::string_view text) {
  const auto trace =
      parse_trace("bioscope-trace 1\ndisk d0 controlled size=64\n" + std::string(text), "t");
  EXPECT_TRUE(trace) << trace.error().message;
  return *trace;
}

TEST(Order, LabelsAndHoldsAreFound) {
  const Trace trace = parse(
      "lane A\nflush d0\nlane B\nf: flush d0\ndisk-script\nfail d0 read EIO\nh: hold d0 read\n");
  EXPECT_EQ(find_labelled(trace, "f"), OperationId{1});
  EXPECT_FALSE(find_labelled(trace, "h"));
  EXPECT_FALSE(find_labelled(trace, ""));
  EXPECT_EQ(find_hold(trace, "h"), std::size_t{1});
  EXPECT_EQ(lane_of(trace, 1), 1U);
  EXPECT_EQ(first_operation(trace, 1), 1U);
}

TEST(Order, AnAsyncOperationDoesNotHoldUpItsLane) {
  Trace trace = parse(
      "lane A\nr: async read d0 0+8\nf: flush d0\nlane B\nafter invoked f\ng: flush d0\n"
      "disk-script\nh: hold d0 read\nrelease h after returned g\n");
  EXPECT_FALSE(find_cycle(trace));
  // The same edge from the flush's own past is a circle once the flush waits for B.
  trace.lanes[0].operations[1] = trace.lanes[1].operations[0];
  trace.lanes[0].operations[1].edge = {EdgeKind::Returned, "g"};
  trace.lanes[1].operations[0].edge = {EdgeKind::Returned, "r"};
  EXPECT_FALSE(find_cycle(trace));
  trace.lanes[0].operations[0].async = false;
  trace.lanes[0].operations[0].kind = OperationKind::After;
  trace.lanes[0].operations[0].edge = {EdgeKind::Returned, "g"};
  EXPECT_TRUE(find_cycle(trace));
}

}  // namespace
}  // namespace bioscope
