// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/guest_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/base/bytes.h"

namespace bioscope {
namespace {

using testing::HasSubstr;

std::string frame(FrameType type, const std::vector<u8>& payload) {
  const std::vector<u8> bytes = encode_frame(type, payload);
  return std::string(bytes.begin(), bytes.end());
}

std::string hello() {
  return frame(FrameType::Hello, encode(Greeting{"6.1", Capabilities(1), 7}));
}

std::string begin(u32 index) {
  ByteWriter writer;
  writer.put_u32le(index);
  return frame(FrameType::Begin, writer.take());
}

std::string end(u32 index, HistoryEnd how = HistoryEnd::Completed) {
  TraceReport report;
  report.index = index;
  report.history.end = how;
  return frame(FrameType::End, encode(report));
}

std::string text(FrameType type, std::string_view words) {
  return frame(type, std::vector<u8>(words.begin(), words.end()));
}

GuestLog read(const std::string& bytes, std::size_t traces = 2) {
  GuestLog log(traces);
  log.feed(bytes);
  return log;
}

TEST(GuestLog, ReadsAWholeConversationByteByByte) {
  const std::string bytes =
      hello() + begin(0) + end(0) + begin(1) + end(1) + frame(FrameType::Bye, {});
  GuestLog log(2);
  for (const char byte : bytes) log.feed(std::string_view(&byte, 1));
  EXPECT_TRUE(log.trouble().empty()) << log.trouble();
  EXPECT_TRUE(log.done());
  EXPECT_FALSE(log.unfit());
  EXPECT_EQ(log.greeting()->kernel_release, "6.1");
  EXPECT_TRUE(log.report(0) && log.report(1));
}

TEST(GuestLog, ATraceInProgressIsTheLastThatBegan) {
  const GuestLog log = read(hello() + begin(0) + end(0) + begin(1));
  EXPECT_EQ(log.in_progress(), std::size_t{1});
  EXPECT_FALSE(log.done());
}

TEST(GuestLog, AHungTraceMakesTheGuestUnfit) {
  const GuestLog log =
      read(hello() + begin(0) + end(0, HistoryEnd::Hung) + text(FrameType::Trouble, "hung: a"));
  EXPECT_TRUE(log.unfit());
  EXPECT_TRUE(log.done());
  EXPECT_TRUE(log.trouble().empty());
}

TEST(GuestLog, ADirtyGuestIsALeftoverOfTheTraceThatEndedLast) {
  const GuestLog log = read(hello() + begin(0) + end(0) + begin(1) + end(1) +
                            text(FrameType::Trouble, "dirty: disk d0 is busy"));
  EXPECT_TRUE(log.unfit());
  EXPECT_TRUE(log.done());
  EXPECT_TRUE(log.trouble().empty());
  EXPECT_TRUE(log.report(0)->history.leftovers.empty());
  ASSERT_EQ(log.report(1)->history.leftovers.size(), 1U);
  EXPECT_EQ(log.report(1)->history.leftovers[0], (Leftover{"disk d0 is busy", 0, 1}));
}

TEST(GuestLog, WhatTheLedgerToldIsNotToldTwice) {
  TraceReport report;
  report.history.leftovers = {{"holders of d0", 0, 1}};
  const GuestLog log = read(hello() + begin(0) + frame(FrameType::End, encode(report)) +
                            text(FrameType::Trouble, "dirty: holders of d0 after a.trace"));
  EXPECT_TRUE(log.unfit());
  EXPECT_EQ(log.report(0)->history.leftovers, report.history.leftovers);
}

TEST(GuestLog, AnAgentThatGivesUpBetweenTracesIsTrouble) {
  const GuestLog log =
      read(hello() + begin(0) + end(0) + text(FrameType::Trouble, "no memory is left"));
  EXPECT_THAT(log.trouble(), HasSubstr("no memory is left"));
  EXPECT_TRUE(log.report(0).has_value());
}

TEST(GuestLog, AnAgentThatGivesUpBeforeTheFirstTraceIsTrouble) {
  EXPECT_THAT(read(hello() + text(FrameType::Trouble, "no \x01module")).trouble(),
              HasSubstr("no ?module"));
}

TEST(GuestLog, WhatIsOutOfOrderIsNotBelieved) {
  EXPECT_FALSE(read(begin(0)).trouble().empty());
  EXPECT_FALSE(read(hello() + hello()).trouble().empty());
  EXPECT_FALSE(read(hello() + end(0)).trouble().empty());
  EXPECT_FALSE(read(hello() + begin(0) + end(1)).trouble().empty());
  EXPECT_FALSE(read(hello() + begin(0) + begin(1)).trouble().empty());
  EXPECT_FALSE(read(hello() + begin(2)).trouble().empty());
  EXPECT_FALSE(read(hello() + begin(1)).trouble().empty());
  EXPECT_FALSE(read(hello() + begin(5) + end(5, HistoryEnd::Hung), 9).trouble().empty());
  EXPECT_FALSE(read(hello() + begin(0) + end(0) + begin(0)).trouble().empty());
  EXPECT_FALSE(read(hello() + begin(0) + frame(FrameType::Bye, {})).trouble().empty());
  EXPECT_FALSE(read(hello() + begin(0) + end(0, HistoryEnd::Hung) + begin(1)).trouble().empty());
}

TEST(GuestLog, AfterGarbageNothingCounts) {
  GuestLog log = read(hello() + begin(0) + "garbage, garbage, garbage");
  EXPECT_FALSE(log.trouble().empty());
  log.feed(end(0));
  EXPECT_FALSE(log.report(0).has_value());
}

}  // namespace
}  // namespace bioscope
