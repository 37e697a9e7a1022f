// SPDX-License-Identifier: Apache-2.0
#include "models/trace/history.h"

#include <gtest/gtest.h>

#include "models/trace/history_codec.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

History sample() {
  History history;
  history.trace = Hash(77);
  history.can.add(Capability::BlockIo);
  history.events.push_back({.tick = 1, .lane = 0, .operation = 0});
  Event read{.tick = 2, .kind = EventKind::Return, .count_sectors = 3, .text = "t"};
  append_sector(read.data, Stamp{4, 8, 7});
  append_sector(read.data, Stamp{4, 9, 7});
  append_sector(read.data, RawRef{5});
  history.events.push_back(read);
  history.leftovers.push_back({"holders of d0", 0, 1});
  history.hops.push_back({.tick = 3,
                          .kind = HopKind::Enter,
                          .task = 2,
                          .bio = 7,
                          .parent = 6,
                          .operation = 4,
                          .device = "d0",
                          .op = HopOperation::Write,
                          .flags = OperationFlags(static_cast<u32>(OperationFlag::Fua)),
                          .range = {8, 3},
                          .below = true});
  history.hops.push_back({.kind = HopKind::End, .bio = 7, .device = "d0", .error = 5});
  history.end = HistoryEnd::Hung;
  history.note = "lane A";
  return history;
}

TEST(History, RunsOfStampsCountUp) {
  SectorRuns runs;
  append_sector(runs, Zero{});
  append_sector(runs, Zero{});
  append_sector(runs, Stamp{1, 5, 7});
  append_sector(runs, Stamp{1, 6, 7});
  append_sector(runs, Stamp{1, 8, 7});
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(count_sectors(runs), 5U);
  EXPECT_EQ(sector_at(runs, 1), Sector(Zero{}));
  EXPECT_EQ(sector_at(runs, 3), Sector(Stamp{1, 6, 7}));
  EXPECT_EQ(sector_at(runs, 4), Sector(Stamp{1, 8, 7}));
}

TEST(History, RoundTrips) {
  const auto decoded = decode_history(encode_history(sample()));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, sample());
}

TEST(History, EveryTruncationIsRefusedWithItsOffset) {
  const std::vector<u8> bytes = encode_history(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto decoded = decode_history(std::span(bytes).first(length));
    ASSERT_FALSE(decoded) << "length " << length;
    EXPECT_EQ(decoded.error().kind, ErrorKind::BadInput);
    if (length > 5) {
      EXPECT_NE(decoded.error().message.find("at byte"), std::string::npos);
    }
  }
}

TEST(History, AnotherVersionAndTrailingBytesAreRefused) {
  std::vector<u8> bytes = encode_history(sample());
  bytes[4] = 9;
  EXPECT_NE(decode_history(bytes).error().message.find("version 9"), std::string::npos);
  bytes[4] = kHistoryVersion;
  bytes.push_back(0);
  EXPECT_FALSE(decode_history(bytes));
}

TEST(History, AHopReadsAsOneLine) {
  EXPECT_EQ(to_text(sample().hops.front()), "enter d0 below write 8+3 fua bio 7 from 6 of op4");
  EXPECT_EQ(to_text(sample().hops.back()), "end d0 read 0+0 bio 7 -> 5");
}

TEST(History, MoreSectorsThanOneIoCanMoveAreRefused) {
  const auto decodes = [](SectorRuns runs) {
    History history;
    history.events.push_back({.kind = EventKind::Return, .data = std::move(runs)});
    return decode_history(encode_history(history)).has_value();
  };
  EXPECT_TRUE(decodes({{kMaxIoSectors, Zero{}}}));
  EXPECT_TRUE(decodes({{kMaxIoSectors - 1, Zero{}}, {1, RawRef{3}}}));
  EXPECT_FALSE(decodes({{kMaxIoSectors + 1, Zero{}}}));
  EXPECT_FALSE(decodes({{kMaxIoSectors, Zero{}}, {1, RawRef{3}}}));
  EXPECT_FALSE(decodes({{~u64{0}, Zero{}}, {2, RawRef{3}}})) << "the sum overflows";
  EXPECT_FALSE(decodes({{0, Zero{}}}));
}

TEST(History, TextNamesLaneOperationAndOutcome) {
  const auto trace =
      parse_trace("bioscope-trace 1\ndisk d0 null size=64\nlane A\nread d0 8+3\n", "t");
  ASSERT_TRUE(trace);
  const std::string text = to_text(*trace, sample());
  EXPECT_NE(text.find("A    read d0 8+3 -> 0 3 sectors [op4@8 x2, raw:"), std::string::npos)
      << text;
  EXPECT_NE(text.find("left over: holders of d0 was 0, is 1"), std::string::npos);
  EXPECT_NE(text.find("end: hung: lane A"), std::string::npos);
}

}  // namespace
}  // namespace bioscope
