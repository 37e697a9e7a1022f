// SPDX-License-Identifier: Apache-2.0
#include "models/trace/text.h"

#include <gtest/gtest.h>

namespace bioscope {
namespace {

constexpr std::string_view kCaseD = R"(# a held snapshot read
bioscope-trace 1
seed 7
disk d0 controlled size=16384 lbs=512 cache=volatile
disk c0 null size=16384
lane A
  create org; load org "0 16384 snapshot-origin d0"; resume org
  write org 0+128
  create snap uuid="LVM-1 x" minor=7; suspend org nolockfs
  load snap "0 16384 snapshot d0 c0 N 8" readonly; resume snap; resume org
  r1: async read snap 0+8
  wait r1
lane B
  after held h1
  write org 0+8 fua nowait   # the origin write
disk-script
  h1: hold d0 read 0+8 #2 after invoked r1
  fail d0 write EIO
  release h1 when quiet
)";

std::string error_of(std::string_view text) {
  const auto trace = parse_trace(text, "t.trace");
  return trace ? "no error" : trace.error().message;
}

std::string in_lane(std::string_view line) {
  return error_of("bioscope-trace 1\nseed 1\ndisk d0 null size=8\nlane A\n  " + std::string(line));
}

TEST(TraceText, ReadsWhatAPersonWrites) {
  const auto trace = parse_trace(kCaseD, "d.trace");
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->seed, 7U);
  ASSERT_EQ(trace->disks.size(), 2U);
  EXPECT_EQ(trace->disks[0].cache, CacheMode::Volatile);
  ASSERT_EQ(trace->lanes.size(), 2U);
  ASSERT_EQ(trace->lanes[0].operations.size(), 11U);
  const Operation& create = trace->lanes[0].operations[4];
  EXPECT_EQ(create.text, "LVM-1 x");
  EXPECT_EQ(create.number, 7);
  const Operation& read = trace->lanes[0].operations[9];
  EXPECT_TRUE(read.async);
  EXPECT_EQ(read.label, "r1");
  EXPECT_EQ(read.range, (Range{0, 8}));
  const Operation& write = trace->lanes[1].operations[1];
  EXPECT_TRUE(write.flags.has(OperationFlag::Fua));
  EXPECT_TRUE(write.flags.has(OperationFlag::Nowait));
  ASSERT_EQ(trace->disk_script.size(), 3U);
  EXPECT_EQ(trace->disk_script[0].occurrence, 2U);
  EXPECT_EQ(trace->disk_script[0].edge, (Edge{EdgeKind::Invoked, "r1"}));
  EXPECT_EQ(trace->disk_script[1].error, 5);
  EXPECT_EQ(trace->disk_script[2].edge.kind, EdgeKind::Quiet);
}

TEST(TraceText, PrintsWhatItReads) {
  const auto trace = parse_trace(kCaseD, "d.trace");
  ASSERT_TRUE(trace);
  const std::string printed = print_trace(*trace);
  const auto again = parse_trace(printed, "printed");
  ASSERT_TRUE(again) << again.error().message << "\n" << printed;
  EXPECT_EQ(*again, *trace);
  EXPECT_EQ(print_trace(*again), printed);
}

TEST(TraceText, AnErrorHasLineAndColumnAndSaysWhatWasExpected) {
  EXPECT_EQ(error_of(""), "t.trace:1:1: expected 'bioscope-trace 1', got the end of the file");
  EXPECT_EQ(error_of("bioscope-trace 2\n"), "t.trace:1:16: expected version 1, got '2'");
  EXPECT_EQ(in_lane("wrote d0 0+8"), "t.trace:5:3: expected an operation, got 'wrote'");
  EXPECT_EQ(in_lane("write d0 0-8"), "t.trace:5:12: expected FIRST+COUNT in sectors, got '0-8'");
  EXPECT_EQ(in_lane("write d0"),
            "t.trace:5:11: expected FIRST+COUNT in sectors, got the end of the line");
  EXPECT_EQ(in_lane("write d0 0+8 deferred"),
            "t.trace:5:16: 'write' does not take 'deferred' here");
  EXPECT_EQ(in_lane("load x 0 8 zero"), "t.trace:5:10: expected TABLE in quotes, got '0'");
  EXPECT_EQ(in_lane("load x \"0 8 zero"),
            "t.trace:5:10: expected TABLE in quotes, got '\"0 8 zero'");
  EXPECT_EQ(in_lane("wait r9"),
            "t.trace:5:3: no async operation labelled 'r9' stands before this in lane A");
  EXPECT_EQ(in_lane("a: flush d0; a: flush d0"), "t.trace:5:16: the label 'a' is taken");
  EXPECT_EQ(error_of("bioscope-trace 1\ndisk d0 floppy size=8"),
            "t.trace:2:9: expected null, controlled, scsi or loop, got 'floppy'");
  EXPECT_EQ(error_of("bioscope-trace 1\ndisk d0 null"),
            "t.trace:2:1: expected size=SECTORS from 1 to 2^55 for disk d0");
  EXPECT_EQ(error_of("bioscope-trace 1\nwrite d0 0+8"),
            "t.trace:2:1: expected seed, disk, choices, lane or disk-script, got 'write'");
}

TEST(TraceText, ErrorsAreBadInput) {
  const auto trace = parse_trace("nonsense", "t");
  ASSERT_FALSE(trace);
  EXPECT_EQ(trace.error().kind, ErrorKind::BadInput);
}

TEST(TraceText, ATraceThatWaitsForItselfIsRefused) {
  EXPECT_EQ(error_of("bioscope-trace 1\ndisk d0 null size=8\nlane A\nafter returned b\n"
                     "a: flush d0\nlane B\nafter returned a\nb: flush d0\n"),
            "t.trace:4:1: this waits for itself: the edges make a circle");
}

}  // namespace
}  // namespace bioscope
