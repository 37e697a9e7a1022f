// SPDX-License-Identifier: Apache-2.0
#include "models/channel/channel.h"

#include <gtest/gtest.h>

#include "models/base/chooser.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

std::vector<u8> sample_stream() {
  std::vector<u8> stream = encode_frame(FrameType::Hello, encode(Greeting{"6.1.0", {}, 42}));
  const std::vector<u8> begin = encode_frame(FrameType::Begin, std::vector<u8>{1, 0, 0, 0});
  const std::vector<u8> bye = encode_frame(FrameType::Bye, {});
  stream.insert(stream.end(), begin.begin(), begin.end());
  stream.insert(stream.end(), bye.begin(), bye.end());
  return stream;
}

TEST(Channel, FramesComeOutHoweverTheBytesArrive) {
  const std::vector<u8> stream = sample_stream();
  for (std::size_t step : {std::size_t{1}, std::size_t{3}, stream.size()}) {
    FrameReader reader;
    std::vector<FrameType> seen;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      const auto part = std::span(stream).subspan(at, std::min(step, stream.size() - at));
      ASSERT_EQ(reader.feed(part), part.size());
      for (;;) {
        const auto frame = reader.next();
        ASSERT_TRUE(frame) << frame.error().message;
        if (!*frame) break;
        seen.push_back((*frame)->type);
      }
    }
    EXPECT_EQ(seen, (std::vector{FrameType::Hello, FrameType::Begin, FrameType::Bye}));
    EXPECT_EQ(reader.consumed_bytes(), stream.size());
  }
}

TEST(Channel, AnyDamageIsAnErrorAndStaysOne) {
  const std::vector<u8> whole = sample_stream();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::vector<u8> damaged = whole;
    damaged[at] ^= 0x20;
    FrameReader reader;
    ASSERT_EQ(reader.feed(damaged), damaged.size());
    std::size_t frames = 0;
    bool broken = false;
    for (int i = 0; i < 4; ++i) {
      const auto frame = reader.next();
      if (!frame) {
        broken = true;
        EXPECT_FALSE(reader.next());
      } else if (*frame) {
        ++frames;
      }
    }
    EXPECT_TRUE(broken || frames < 3) << "byte " << at;
  }
}

TEST(Channel, RandomBytesNeverMakeAFrame) {
  for (u64 seed = 0; seed < 200; ++seed) {
    Chooser chooser(seed);
    std::vector<u8> bytes(200);
    for (u8& byte : bytes) byte = static_cast<u8>(chooser.pick(ChoiceKind::Generate, 0, 256));
    FrameReader reader;
    ASSERT_EQ(reader.feed(bytes), bytes.size());
    EXPECT_FALSE(reader.next());
    decode_assignment(bytes);
    EXPECT_FALSE(decode_trace_report(bytes));
  }
}

TEST(Channel, ReaderBuffersOneFrameAndTakesTheRestAfterIt) {
  const std::vector<u8> first = encode_frame(FrameType::Trouble, std::vector<u8>(kMaxFrameBytes));
  std::vector<u8> stream = first;
  const std::vector<u8> bye = encode_frame(FrameType::Bye, {});
  stream.insert(stream.end(), bye.begin(), bye.end());
  FrameReader reader;
  EXPECT_EQ(reader.feed(stream), first.size());
  EXPECT_EQ(reader.feed(bye), 0U) << "the frame is still in the buffer";
  auto frame = reader.next();
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->payload.size(), kMaxFrameBytes);
  EXPECT_EQ(reader.feed(bye), bye.size());
  frame = reader.next();
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->type, FrameType::Bye);
}

TEST(Channel, AssignmentsAndReportsRoundTrip) {
  const auto trace =
      parse_trace("bioscope-trace 1\nseed 3\ndisk d0 null size=64\nlane A\nflush d0\n", "t");
  ASSERT_TRUE(trace);
  std::vector<u8> bytes = encode(Assignment{{{"t", *trace, 9, 10000}}});
  bytes.resize(bytes.size() + 100);  // the padding of /traces
  const auto assignment = decode_assignment(bytes);
  ASSERT_TRUE(assignment) << assignment.error().message;
  ASSERT_EQ(assignment->traces.size(), 1U);
  EXPECT_EQ(assignment->traces[0].trace, *trace);
  EXPECT_EQ(assignment->traces[0].seed, 9U);

  TraceReport report{3, {}, 77};
  report.history.note = "n";
  const auto decoded = decode_trace_report(encode(report));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->index, 3U);
  EXPECT_EQ(decoded->history, report.history);
}

}  // namespace
}  // namespace bioscope
