// SPDX-License-Identifier: Apache-2.0
#include "models/base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace bioscope {
namespace {

TEST(Bytes, WhatIsWrittenIsRead) {
  ByteWriter writer;
  const std::vector<u64> values{0, 1, 127, 128, 300, std::numeric_limits<u64>::max()};
  for (u64 value : values) writer.put_varint(value);
  for (i64 value : {std::numeric_limits<i64>::min(), i64{-1}, i64{0}, i64{77}}) {
    writer.put_signed(value);
  }
  writer.put_string("bio");
  writer.put_u32le(0xdeadbeef);
  const std::vector<u8> bytes = writer.take();

  ByteReader reader(bytes);
  for (u64 value : values) EXPECT_EQ(reader.get_varint(), value);
  for (i64 value : {std::numeric_limits<i64>::min(), i64{-1}, i64{0}, i64{77}}) {
    EXPECT_EQ(reader.get_signed(), value);
  }
  EXPECT_EQ(reader.get_string(10), "bio");
  EXPECT_EQ(reader.get_u32le(), 0xdeadbeefU);
  EXPECT_TRUE(reader.at_end());
  EXPECT_FALSE(reader.failed());
}

TEST(Bytes, PastTheEndIsZeroAndFailed) {
  ByteReader reader(std::span<const u8>{});
  EXPECT_EQ(reader.get_varint(), 0U);
  EXPECT_EQ(reader.get_string(5), "");
  EXPECT_TRUE(reader.failed());
}

TEST(Bytes, ALengthThatLiesFails) {
  const std::vector<u8> bytes{200, 1, 'x'};
  ByteReader beyond(bytes);
  EXPECT_EQ(beyond.get_string(1000), "");
  EXPECT_TRUE(beyond.failed());
  const std::vector<u8> endless(12, 0xff);
  ByteReader overlong(endless);
  overlong.get_varint();
  EXPECT_TRUE(overlong.failed());
}

}  // namespace
}  // namespace bioscope
