// SPDX-License-Identifier: Apache-2.0
#include "models/trace/check.h"

#include <gtest/gtest.h>

#include "models/trace/text.h"

namespace bioscope {
namespace {

Trace small_trace() {
  const auto trace = parse_trace(
      "bioscope-trace 1\ndisk d0 controlled size=64\nlane A\nr: async read d0 0+8\nwait r\n"
      "lane B\nafter held h\nflush d0\ndisk-script\nh: hold d0 read\nrelease h after invoked r\n",
      "t");
  EXPECT_TRUE(trace) << trace.error().message;
  return *trace;
}

// Breaks one condition, expects check() to say so and normalize() to mend it.
void expect_broken(Trace trace, std::string_view message) {
  const auto problem = check(trace);
  ASSERT_TRUE(problem) << "not found: " << message;
  EXPECT_NE(problem->message.find(message), std::string::npos) << problem->message;
  normalize(trace);
  const auto after = check(trace);
  EXPECT_FALSE(after) << after->message;
}

TEST(Check, ALegalTraceStaysAsItIs) {
  const Trace trace = small_trace();
  EXPECT_FALSE(check(trace));
  Trace normal = trace;
  normalize(normal);
  EXPECT_EQ(normal, trace);
}

TEST(Check, FindsWhatIsWrongWithDisks) {
  Trace trace = small_trace();
  trace.disks.push_back(trace.disks[0]);
  expect_broken(trace, "two disks named 'd0'");
  trace = small_trace();
  trace.disks[0].logical_block_bytes = 1000;
  expect_broken(trace, "lbs=");
  trace.disks.assign(kMaxDisks + 1, trace.disks[0]);
  expect_broken(trace, "more than 32 disks");
}

TEST(Check, FindsWhatIsWrongWithLabelsAndOrder) {
  Trace trace = small_trace();
  trace.lanes[0].operations[1].edge.label = "x";
  expect_broken(trace, "no async operation labelled 'x'");
  trace = small_trace();
  trace.lanes[1].operations[0].edge.label = "x";
  expect_broken(trace, "no hold in the disk script is labelled 'x'");
  trace = small_trace();
  trace.lanes[1].operations[1].label = "h";
  expect_broken(trace, "the label 'h' is taken");
  trace = small_trace();
  trace.lanes[1].operations[1].label = "f";
  trace.disk_script[0].edge = {EdgeKind::Returned, "f"};
  expect_broken(trace, "waits for itself");
}

TEST(Check, FindsFieldsThatAnOperationDoesNotUse) {
  Trace trace = small_trace();
  trace.lanes[1].operations[1].range = {0, 8};
  expect_broken(trace, "'flush' has a field it does not use");
  trace = small_trace();
  trace.lanes[1].operations[1].flags.set(OperationFlag::Fua);
  expect_broken(trace, "'flush' does not take that flag");
  trace = small_trace();
  trace.lanes[0].operations[0].range.count_sectors = kMaxIoSectors + 1;
  expect_broken(trace, "at most 65536 sectors");
}

TEST(Check, FindsWhatIsWrongWithTheDiskScript) {
  Trace trace = small_trace();
  trace.disk_script[0].disk = "d9";
  expect_broken(trace, "expected a controlled disk");
  trace = small_trace();
  trace.disk_script[0].occurrence = 0;
  expect_broken(trace, "an occurrence from 1");
}

}  // namespace
}  // namespace bioscope
