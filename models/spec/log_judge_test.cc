// SPDX-License-Identifier: Apache-2.0
#include "models/spec/log_judge.h"

#include <gtest/gtest.h>

namespace bioscope::spec {
namespace {

constexpr u64 kSeed = 1;

LogItem write_item(OperationId id, Range range, u64 invoked, u64 returned) {
  return {.id = id,
          .range = range,
          .invoked = invoked,
          .returned = returned,
          .certain = returned != kNever};
}
LogItem flush_item(OperationId id, u64 invoked, u64 returned) {
  return {.id = id,
          .kind = LoggedKind::Flush,
          .invoked = invoked,
          .returned = returned,
          .certain = returned != kNever,
          .flushes_least = 1,
          .flushes_most = 1};
}
LogItem mark_item(OperationId id, std::string name, u64 invoked, u64 returned) {
  return {.id = id,
          .kind = LoggedKind::Mark,
          .mark = std::move(name),
          .invoked = invoked,
          .returned = returned,
          .certain = returned != kNever};
}

std::string judge(const LogFacts& facts, std::string_view text) {
  const auto entries = parse_log(text, kSeed);
  if (!entries) return "no log: " + std::string(text);
  return judge_log(facts, *entries);
}

void legal(const LogFacts& facts, std::string_view text) {
  EXPECT_EQ(judge(facts, text), "");
}
void wrong(const LogFacts& facts, std::string_view text, std::string_view why) {
  const std::string said = judge(facts, text);
  EXPECT_NE(said.find(why), std::string::npos) << "said: " << said;
}

TEST(LogText, IsReadAndWritten) {
  const std::string text =
      "entries=6 8+8:write,op3@8*8 0+0:flush 32+16:discard 0+2:write,fua,meta,op5@0*1,0*1 "
      "0+0:mark=one%20two%25 64+1:write,raw:00000000000000ff*1";
  const auto entries = parse_log(text, kSeed);
  ASSERT_TRUE(entries);
  EXPECT_EQ((*entries)[4].mark, "one two%");
  EXPECT_EQ(print_log(*entries), text);
  for (const char* bad : {"", "entries=1", "entries=0 0+0:flush", "entries=1 0+8:write,op1@0*7",
                          "entries=1 0+8:read", "entries=1 0+1:write,op1*1", "entries=1 8:flush",
                          "entries=1 0+1:write,op1@0*0,op1@0*1", "entries=1 0+0:mark=%2"}) {
    EXPECT_FALSE(parse_log(bad, kSeed)) << bad;
  }
}

TEST(LogText, TheMarkOfAMessage) {
  EXPECT_EQ(mark_of_message("mark one"), "one");
  EXPECT_EQ(mark_of_message(" MARK  one "), "one");
  EXPECT_EQ(mark_of_message("mark one\\ two"), "one two");
  EXPECT_FALSE(mark_of_message("mark"));
  EXPECT_FALSE(mark_of_message("mark one two"));
  EXPECT_FALSE(mark_of_message("note one"));
}

// W1,W2,W3,C3,C2,Wflush,C1,Cflush: the example of the kernel's documentation.
TEST(LogJudge, TheDocumentedExample) {
  const LogFacts facts{.items = {write_item(1, {0, 8}, 1, 7), write_item(2, {8, 8}, 2, 5),
                                 write_item(3, {16, 8}, 3, 4), flush_item(4, 6, 8),
                                 mark_item(5, "m", 9, 10)}};
  legal(facts, "entries=4 16+8:write,op3@16*8 8+8:write,op2@8*8 0+0:flush 0+0:mark=m");
  legal(facts, "entries=4 8+8:write,op2@8*8 16+8:write,op3@16*8 0+0:flush 0+0:mark=m");
  // What was pending when the flush was sent may have completed just before.
  legal(facts,
        "entries=5 8+8:write,op2@8*8 16+8:write,op3@16*8 0+8:write,op1@0*8 0+0:flush "
        "0+0:mark=m");
  wrong(facts, "entries=3 8+8:write,op2@8*8 0+0:flush 0+0:mark=m", "operation 3 wrote only 0");
  wrong(facts, "entries=4 8+8:write,op2@8*8 0+0:flush 16+8:write,op3@16*8 0+0:mark=m",
        "1 flushes before it, at most 0");
  wrong(facts, "entries=3 8+8:write,op2@8*8 16+8:write,op3@16*8 0+0:mark=m",
        "0 flushes before it, not 1");
}

TEST(LogJudge, NothingIsLoggedBeforeAFlush) {
  const LogFacts facts{
      .items = {write_item(1, {0, 8}, 1, 2), mark_item(2, "m", 3, 4), flush_item(3, 5, 6)}};
  legal(facts, "entries=1 0+0:mark=m");
  legal(facts, "entries=3 0+0:mark=m 0+8:write,op1@0*8 0+0:flush");
  wrong(facts, "entries=2 0+8:write,op1@0*8 0+0:mark=m", "stands behind");
  const LogFacts unflushed{.items = {write_item(1, {0, 8}, 1, 2), mark_item(2, "m", 3, 4)}};
  wrong(unflushed, "entries=2 0+0:mark=m 0+8:write,op1@0*8", "not flushed yet");
}

TEST(LogJudge, FuaEntersAtOnce) {
  LogItem fua = write_item(2, {8, 8}, 3, 4);
  fua.fua = true;
  fua.flushes_most = 1;
  const LogFacts facts{.items = {write_item(1, {0, 8}, 1, 2), fua, mark_item(3, "m", 5, 6)}};
  legal(facts, "entries=2 8+8:write,fua,op2@8*8 0+0:mark=m");
  legal(facts, "entries=4 8+8:write,fua,op2@8*8 0+8:write,op1@0*8 0+0:flush 0+0:mark=m");
  wrong(facts, "entries=1 0+0:mark=m", "operation 2 wrote only 0");
  wrong(facts, "entries=2 0+0:mark=m 8+8:write,fua,op2@8*8", "stands behind");
  wrong(facts, "entries=2 8+8:write,op2@8*8 0+0:mark=m", "wrong FUA flag");
}

TEST(LogJudge, AtTheEndEverythingIsThere) {
  LogFacts facts{.items = {write_item(1, {0, 8}, 1, 2), write_item(2, {8, 8}, 3, kNever)},
                 .going = 5,
                 .gone = 6};
  facts.items.push_back({.id = 4,
                         .kind = LoggedKind::Discard,
                         .range = {16, 16},
                         .invoked = 3,
                         .returned = 4,
                         .certain = true});
  legal(facts, "entries=4 0+8:write,op1@0*8 16+8:discard 24+8:discard 0+0:mark=dm-log-writes-end");
  legal(facts,
        "entries=4 16+16:discard 0+8:write,op1@0*8 8+8:write,op2@8*8 "
        "0+0:mark=dm-log-writes-end");
  wrong(facts, "entries=2 0+8:write,op1@0*8 16+16:discard", "does not end with its last mark");
  wrong(facts, "entries=2 16+16:discard 0+0:mark=dm-log-writes-end", "operation 1 wrote only 0");
  wrong(facts, "entries=3 0+8:write,op1@0*8 16+8:discard 0+0:mark=dm-log-writes-end",
        "operation 4 discarded only 8");
  wrong(facts, "entries=3 0+8:write,op1@0*8 0+0:mark=dm-log-writes-end 16+16:discard",
        "follows the last mark");
  facts.may_be_full = true;
  legal(facts, "entries=2 0+8:write,op1@0*8 16+16:discard");
}

TEST(LogJudge, OnlyWhatWasIssuedIsThere) {
  LogFacts facts{.items = {write_item(1, {0, 8}, 1, 2), flush_item(2, 3, 4)}};
  const auto with = [](const char* entry) {
    return std::string("entries=2 ") + entry + " 0+0:flush";
  };
  legal(facts, with("0+8:write,op1@0*8"));
  for (const char* entry :
       {"0+8:write,op7@0*8", "0+8:write,0*8", "0+16:write,op1@0*16", "0+8:write,op1@1*8",
        "8+8:write,op1@0*8", "0+8:write,op1@0*4,0*4", "0+8:discard", "0+0:mark=m"}) {
    EXPECT_NE(judge(facts, with(entry)), "") << entry;
  }
  wrong(facts, "entries=2 0+0:flush 0+0:flush", "at most 1 were sent");
  wrong(facts, "entries=3 0+8:write,op1@0*8 0+8:write,op1@0*8 0+0:flush", "is there twice");
  facts.foreign = true;  // a file system above: its blocks are not known
  legal(facts, with("0+8:write,0*8"));
  legal(facts, with("0+8:discard"));
}

TEST(LogJudge, MarksOfOneNameAreCounted) {
  const LogFacts facts{
      .items = {mark_item(1, "m", 1, 2), mark_item(2, "m", 3, 4), mark_item(3, "n", 5, 6)}};
  legal(facts, "entries=3 0+0:mark=m 0+0:mark=m 0+0:mark=n");
  legal(facts, "entries=1 0+0:mark=m");
  wrong(facts, "entries=2 0+0:mark=m 0+0:mark=n", "mark m is missing");
  wrong(facts, "entries=3 0+0:mark=m 0+0:mark=m 0+0:mark=m", "was not put");
}

// What is expected of a right subject is legal.
TEST(LogJudge, TheExpectedLogIsLegal) {
  LogItem fua = write_item(4, {24, 8}, 7, 8);
  fua.fua = true;
  LogFacts facts{.items = {write_item(1, {0, 8}, 1, 2), flush_item(2, 3, 4),
                           write_item(3, {8, 8}, 5, 6), fua}};
  EXPECT_EQ(print_log(expected_log(facts, kSeed)),
            "entries=3 0+8:write,op1@0*8 0+0:flush 24+8:write,fua,op4@24*8");
  EXPECT_EQ(judge_log(facts, expected_log(facts, kSeed)), "");
  facts.going = 9;
  facts.gone = 10;
  EXPECT_EQ(print_log(expected_log(facts, kSeed)),
            "entries=5 0+8:write,op1@0*8 0+0:flush 24+8:write,fua,op4@24*8 8+8:write,op3@8*8 "
            "0+0:mark=dm-log-writes-end");
  EXPECT_EQ(judge_log(facts, expected_log(facts, kSeed)), "");
}

}  // namespace
}  // namespace bioscope::spec
