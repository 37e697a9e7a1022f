// SPDX-License-Identifier: Apache-2.0
// Each stage proposes what it is there for.
#include "harness/repro/stages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/repro/names.h"
#include "harness/repro/numbers.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

Trace parsed(std::string_view body) {
  auto trace = parse_trace("bioscope-trace 1\nseed 1\n" + std::string(body), "test");
  EXPECT_TRUE(trace.has_value()) << (trace ? "" : trace.error().message);
  return trace.value_or(Trace());
}

// Without its first two lines, which are always the same.
std::string text_of(const Trace& trace) {
  const std::string text = print_trace(trace);
  return text.substr(text.find("\n", text.find("seed")) + 1);
}

std::vector<std::string> texts(const Trace& trace, const std::vector<Edit>& edits) {
  std::vector<std::string> all;
  for (const Edit& edit : edits) {
    if (const auto left = edited(trace, edit)) all.push_back(text_of(*left));
  }
  return all;
}

constexpr std::string_view kStack =
    "disk d0 null size=64\ndisk d1 null size=64\nlane A\n"
    "  create low\n  load low \"0 64 linear d0 0\"\n  resume low\n"
    "  create top\n  load top \"0 64 linear low 0\"\n  resume top\n"
    "  mount top mnt\n  file-write mnt/a 0+8\n  write d1 0+8\n";

TEST(Stages, ADeviceGoesWithAllThatStandsUponIt) {
  const Trace trace = parsed(kStack);
  const auto left = texts(trace, drop_devices(trace));
  EXPECT_THAT(left, Contains("disk d0 null size=64 lbs=512\ndisk d1 null size=64 lbs=512\nlane A\n"
                             "  write d1 0+8\n"));
  EXPECT_THAT(left, Contains("disk d1 null size=64 lbs=512\nlane A\n  write d1 0+8\n"));
  EXPECT_THAT(standing_upon(trace, {"low"}), ElementsAre("low", "mnt", "top"));
}

TEST(Stages, TheDeviceBelowTakesThePlaceOfAMappedOne) {
  const Trace trace = parsed(kStack);
  EXPECT_THAT(texts(trace, bypass_devices(trace)),
              Contains("disk d0 null size=64 lbs=512\ndisk d1 null size=64 lbs=512\nlane A\n"
                       "  create top\n  load top \"0 64 linear d0 0\"\n  resume top\n"
                       "  mount top mnt\n  file-write mnt/a 0+8\n  write d1 0+8\n"));
}

TEST(Stages, SuspendAndResumeGoTogetherWithTheTableBetween) {
  const Trace trace = parsed(
      "lane A\n  suspend x\n  load x \"0 8 zero\"\n  write y 0+8\n  resume x\n  read x 0+8\n");
  const auto left = texts(trace, drop_brackets(trace));
  EXPECT_THAT(left, Contains("lane A\n  write y 0+8\n  read x 0+8\n"));
  EXPECT_THAT(left, Contains("lane A\n  load x \"0 8 zero\"\n  write y 0+8\n  read x 0+8\n"));
}

TEST(Stages, ALineOfATableGoesAndTheGapIsClosed) {
  const Trace trace = parsed("lane A\n  load x \"0 8 zero; 8 24 linear d0 0; 32 32 error\"\n");
  const auto left = texts(trace, simplify_tables(trace));
  EXPECT_THAT(left, Contains("lane A\n  load x \"0 8 zero; 8 32 error\"\n"));
  EXPECT_THAT(left, Contains("lane A\n  load x \"0 24 linear d0 0; 24 32 error\"\n"));
}

TEST(Stages, CountsOfWordsAndChunksBecomeLess) {
  const Trace trace = parsed(
      "disk d0 null size=64\nlane A\n  load x \"0 64 flakey d0 0 1 2 2 drop_writes corrupt\"\n"
      "  load y \"0 64 snapshot d0 d0 P 16\"\n");
  const auto left = texts(trace, simplify_tables(trace));
  const auto with = [](std::string_view x, std::string_view y) {
    return "disk d0 null size=64 lbs=512\nlane A\n  load x \"" + std::string(x) +
           "\"\n  load y \"" + std::string(y) + "\"\n";
  };
  constexpr std::string_view kX = "0 64 flakey d0 0 1 2 2 drop_writes corrupt";
  constexpr std::string_view kY = "0 64 snapshot d0 d0 P 16";
  EXPECT_THAT(left, Contains(with("0 64 flakey d0 0 1 2", kY)));
  EXPECT_THAT(left, Contains(with("0 64 flakey d0 0 1 2 0", kY)));
  EXPECT_THAT(left, Contains(with("0 64 linear d0 0", kY)));
  EXPECT_THAT(left, Contains(with(kX, "0 64 snapshot d0 d0 P 8")));
  EXPECT_THAT(left, Contains(with(kX, "0 64 snapshot d0 d0 N 16")));
}

TEST(Stages, TheLengthOfATableGoesWithTheSizeOfItsDisk) {
  const Trace trace =
      parsed("disk d0 null size=4096\nlane A\n  load x \"0 4096 linear d0 0\"\n  read x 0+10\n");
  EXPECT_THAT(texts(trace, lower_sizes(trace)),
              Contains("disk d0 null size=16 lbs=512\nlane A\n  load x \"0 16 linear d0 0\"\n"
                       "  read x 0+10\n"));
}

TEST(Stages, DisksBecomeOneUnlessATargetKeepsItsOwnDataThere) {
  const Trace plain =
      parsed("disk d0 null size=64\ndisk d1 null size=64\nlane A\n  write d0 0+8\n  read d1 0+8\n");
  EXPECT_THAT(texts(plain, merge_disks(plain)),
              Contains("disk d0 null size=64 lbs=512\nlane A\n  write d0 0+8\n  read d0 0+8\n"));
  const Trace stores = parsed(
      "disk d0 null size=64\ndisk c0 null size=64\ndisk m0 null size=64\nlane A\n"
      "  load s \"0 64 snapshot d0 c0 N 8\"\n  load e \"0 64 era m0 d0 8\"\n");
  EXPECT_TRUE(merge_disks(stores).empty());
}

TEST(Stages, ALaneComesBehindWhatItWaitsFor) {
  const Trace trace = parsed(
      "lane A\n  a: write d0 0+8\n  write d0 8+8\nlane B\n  after returned a\n  read d0 0+8\n");
  EXPECT_THAT(texts(trace, merge_lanes(trace)),
              Contains("lane A\n  a: write d0 0+8\n  read d0 0+8\n  write d0 8+8\n"));
}

TEST(Stages, RangesNarrowFromBothEndsAndTogether) {
  const Trace trace = parsed("lane A\n  write d0 8+8\n  read d0 8+8\n  read d0 10+2\n");
  const auto left = texts(trace, narrow_ranges(trace));
  EXPECT_THAT(left, Contains("lane A\n  write d0 12+4\n  read d0 12+4\n  read d0 10+2\n"));
  EXPECT_THAT(left, Contains("lane A\n  write d0 8+8\n  read d0 8+8\n  read d0 11+1\n"));
  EXPECT_THAT(texts(trace, move_ranges(trace)),
              Contains("lane A\n  write d0 0+8\n  read d0 0+8\n  read d0 2+2\n"));
}

TEST(Stages, LabelsThatNothingNamesGo) {
  const Trace trace = parsed(
      "disk d0 controlled size=64\nlane A\n  a: read d0 0+1\n  b: read d0 0+1\n  c: read d0 0+1\n"
      "lane B\n  after invoked b\ndisk-script\n  fail d0 read EIO after returned c\n");
  const auto left = texts(trace, drop_labels(trace));
  ASSERT_EQ(left.size(), 1U);
  EXPECT_THAT(left[0], Not(testing::HasSubstr("a: ")));
  EXPECT_THAT(left[0], testing::HasSubstr("b: read"));
  EXPECT_THAT(left[0], testing::HasSubstr("c: read"));
  EXPECT_TRUE(drop_labels(parsed(left[0])).empty());
}

TEST(Stages, StepsLoseEdgeRangeAndOccurrence) {
  const Trace trace = parsed(
      "disk d0 controlled size=64\nlane A\n  a: read d0 0+1\ndisk-script\n"
      "  fail d0 read 0+8 #5 EIO after invoked a\n");
  const auto left = texts(trace, simplify_disk_steps(trace));
  const auto with = [](std::string_view step) {
    return "disk d0 controlled size=64 lbs=512\nlane A\n  a: read d0 0+1\ndisk-script\n  " +
           std::string(step) + "\n";
  };
  EXPECT_THAT(left, Contains(with("fail d0 read 0+8 #5 EIO")));
  EXPECT_THAT(left, Contains(with("fail d0 read #5 EIO after invoked a")));
  EXPECT_THAT(left, Contains(with("fail d0 read 0+8 EIO after invoked a")));
}

TEST(Stages, ChoicesGoFromTheEnd) {
  const Trace trace = parsed("choices schedule 4 3 2 1\nlane A\n  clock 1\n");
  const auto left = texts(trace, drop_choices(trace));
  EXPECT_THAT(left, Contains("lane A\n  clock 1\n"));
  EXPECT_THAT(left, Contains("choices schedule 4 3\nlane A\n  clock 1\n"));
  EXPECT_THAT(left, Contains("choices schedule 4 3 2\nlane A\n  clock 1\n"));
  EXPECT_THAT(left, Contains("choices schedule 0 0 0 0\nlane A\n  clock 1\n"));
}

TEST(Numbers, ComeDownByHalvesAndThenByLess) {
  EXPECT_THAT(lower_numbers_than(0), ElementsAre());
  EXPECT_THAT(lower_numbers_than(1), ElementsAre(0));
  EXPECT_THAT(lower_numbers_than(2), ElementsAre(0, 1));
  EXPECT_THAT(lower_numbers_than(9), ElementsAre(0, 1, 2, 4, 7, 8));
  EXPECT_THAT(lower_numbers_than(100), ElementsAre(0, 1, 3, 6, 12, 25, 50, 75, 88, 94, 97, 99));
  EXPECT_EQ(lower_numbers_than(~u64{0}).back(), ~u64{0} - 1);
}

}  // namespace
}  // namespace bioscope
