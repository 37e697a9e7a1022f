// SPDX-License-Identifier: Apache-2.0
#include "harness/repro/edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/repro/measure.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

Trace parsed(std::string_view body) {
  auto trace = parse_trace("bioscope-trace 1\nseed 1\n" + std::string(body), "test");
  EXPECT_TRUE(trace.has_value()) << (trace ? "" : trace.error().message);
  return trace.value_or(Trace());
}

constexpr std::string_view kCaseD =
    "disk d0 controlled size=64\n"
    "lane A\n"
    "  r1: async read d0 0+8\n"
    "  w1: wait r1\n"
    "  read d0 8+8\n"
    "lane B\n"
    "  after held h1\n"
    "  after returned w1\n"
    "  write d0 0+8\n"
    "disk-script\n"
    "  h1: hold d0 read 0+8 after invoked r1\n"
    "  release h1 after returned w1\n";

Edit dropping(std::initializer_list<std::size_t> operations) {
  Edit edit;
  for (const std::size_t id : operations) edit.operations[id].reset();
  return edit;
}

TEST(Edit, WhatDependsOnAnOperationGoesWithIt) {
  // The wait, the `after` that names the wait, and the edges of the steps.
  EXPECT_EQ(
      edited(parsed(kCaseD), dropping({0})),
      parsed("disk d0 controlled size=64\nlane A\n  read d0 8+8\nlane B\n  after held h1\n"
             "  write d0 0+8\ndisk-script\n  h1: hold d0 read 0+8\n  release h1 when quiet\n"));
}

TEST(Edit, AHoldTakesItsReleaseAndWhatWaitsForIt) {
  Edit edit;
  edit.steps[0].reset();
  EXPECT_EQ(edited(parsed(kCaseD), edit),
            parsed("disk d0 controlled size=64\nlane A\n  r1: async read d0 0+8\n  w1: wait r1\n"
                   "  read d0 8+8\nlane B\n  after returned w1\n  write d0 0+8\n"));
}

TEST(Edit, AReleaseTakesItsHold) {
  Edit edit;
  edit.steps[1].reset();
  Edit hold;
  hold.steps[0].reset();
  EXPECT_EQ(edited(parsed(kCaseD), edit), edited(parsed(kCaseD), hold));
}

TEST(Edit, ADiskTakesItsStepsAndAnEmptyLaneGoes) {
  Edit edit = dropping({5});
  edit.disks[0].reset();
  EXPECT_EQ(edited(parsed(kCaseD), edit),
            parsed("lane A\n  r1: async read d0 0+8\n  w1: wait r1\n  read d0 8+8\n"
                   "lane B\n  after returned w1\n"));
  EXPECT_EQ(edited(parsed(kCaseD), dropping({3, 4, 5}))->lanes.size(), 1U);
}

TEST(Edit, WithoutAsyncThereIsNothingToWaitFor) {
  const Trace trace = parsed(kCaseD);
  Edit edit;
  edit.operations[0] = operation_at(trace, 0);
  edit.operations[0]->async = false;
  const auto left = edited(trace, edit);
  ASSERT_TRUE(left);
  ASSERT_EQ(left->lanes[0].operations.size(), 2U);
  EXPECT_EQ(print_operation(left->lanes[0].operations[0]), "r1: read d0 0+8");
}

TEST(Edit, ThereIsNoTraceThatWaitsForItself) {
  const Trace trace = parsed("lane A\n  a: clock 1\n  after returned b\nlane B\n  b: clock 1\n");
  Edit edit;
  edit.operations[0] = operation_at(trace, 1);
  edit.operations[0]->label = "a";
  edit.operations[2] = operation_at(trace, 1);
  edit.operations[2]->label = "b";
  edit.operations[2]->edge.label = "a";
  EXPECT_FALSE(edited(trace, edit));
}

TEST(Edit, MergedEditsDropWhatOneOfThemDrops) {
  const Trace trace = parsed(kCaseD);
  Edit change;
  change.operations[2] = operation_at(trace, 2);
  change.operations[2]->range = {8, 1};
  const auto both = merged(change, dropping({2, 5}));
  ASSERT_TRUE(both);
  EXPECT_EQ(edited(trace, *both), edited(trace, dropping({2, 5})));
  Edit other = change;
  other.operations[2]->range = {9, 1};
  EXPECT_FALSE(merged(change, other));
  EXPECT_TRUE(merged(change, change));
  Edit whole;
  whole.whole = trace;
  EXPECT_FALSE(merged(whole, change));
}

TEST(Measure, OrdersByWhatAPersonReadsFirst) {
  // Each is larger than the one before it.
  const Trace traces[] = {
      parsed(""),
      parsed("disk d0 null size=8\n"),
      parsed("lane A\n  read d0 0+1\n"),
      parsed("lane A\n  read d0 1+1\n"),
      parsed("lane A\n  read dd0 1+1\n"),
      parsed("lane A\n  read d0 0+2\n"),
      parsed("lane A\n  async read d0 0+1\n"),
      parsed("disk d0 null size=8\nlane A\n  read d0 0+1\n"),
      parsed("disk d0 null size=9\nlane A\n  read d0 0+1\n"),
      parsed("disk d0 loop size=8\nlane A\n  read d0 0+1\n"),
      parsed("disk d0 controlled size=8\nlane A\n  read d0 0+1\ndisk-script\n  fail d0 read EIO\n"),
      parsed("lane A\n  clock 1\n  clock 1\n"),
      parsed("lane A\n  clock 1\n  clock 2\n"),
      parsed("lane A\n  clock 1\nlane B\n  clock 1\n"),
  };
  for (std::size_t i = 0; i < std::size(traces); ++i) {
    for (std::size_t j = 0; j < std::size(traces); ++j) {
      EXPECT_EQ(compare_size(traces[i], traces[j]), i <=> j)
          << print_trace(traces[i]) << print_trace(traces[j]);
    }
  }
}

}  // namespace
}  // namespace bioscope
