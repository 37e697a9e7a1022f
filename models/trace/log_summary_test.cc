// SPDX-License-Identifier: Apache-2.0
#include "models/trace/log_summary.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "models/base/chooser.h"

namespace bioscope {
namespace {

constexpr u64 kSeed = 7;

// A log of its own making, in blocks of `block_bytes`.
class LogBytes {
 public:
  explicit LogBytes(std::size_t block_bytes = kSectorBytes) : block_bytes_(block_bytes) {
    words({0x6a736677736872ULL, 1, 0, block_bytes});
  }

  LogBytes& entry(u64 first, u64 count, u64 flags, std::string_view mark = "") {
    words({first, count, flags, mark.size()});
    std::ranges::copy(mark, bytes_.end() - static_cast<std::ptrdiff_t>(block_bytes_) + 32);
    ++bytes_[16];
    return *this;
  }
  LogBytes& data(u32 operation, u64 sector, u64 count, u64 seed = kSeed) {
    for (u64 i = 0; i < count; ++i) {
      bytes_.resize(bytes_.size() + kSectorBytes);
      write_stamp({operation, sector + i, seed}, std::span(bytes_).last(kSectorBytes));
    }
    return *this;
  }
  LogBytes& zeroes(u64 count) {
    bytes_.resize(bytes_.size() + count * kSectorBytes);
    return *this;
  }

  std::vector<u8>& bytes() { return bytes_; }

 private:
  void words(std::initializer_list<u64> numbers) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + block_bytes_);
    std::size_t byte = at;
    for (const u64 number : numbers) {
      for (int i = 0; i < 8; ++i) bytes_[byte++] = static_cast<u8>(number >> (8 * i));
    }
  }

  std::size_t block_bytes_;
  std::vector<u8> bytes_;
};

Result<std::string> summary(std::span<const u8> bytes) {
  LogSummary log(kSeed);
  for (std::size_t at = 0; at + kSectorBytes <= bytes.size() && log.wants_more();
       at += kSectorBytes) {
    log.take(bytes.subspan(at, kSectorBytes));
  }
  return log.text();
}

TEST(LogSummary, EveryKindOfEntryInOrder) {
  LogBytes log;
  log.entry(8, 8, 0).data(3, 8, 8).entry(0, 0, 1).entry(32, 16, 4).entry(0, 2, 2);
  log.data(5, 0, 1).zeroes(1).entry(0, 0, 8, "one two").entry(64, 1, 16).data(9, 64, 1);
  EXPECT_EQ(summary(log.bytes()).value(),
            "entries=6 8+8:write,op3@8*8 0+0:flush 32+16:discard 0+2:write,fua,op5@0*1,0*1 "
            "0+0:mark=one%20two 64+1:write,meta,op9@64*1");
}

TEST(LogSummary, BlocksOf4096BytesAreToldInSectors) {
  LogBytes log(4096);
  log.entry(2, 1, 0).data(1, 16, 8).entry(0, 0, 8, "m");
  EXPECT_EQ(summary(log.bytes()).value(), "entries=2 16+8:write,op1@16*8 0+0:mark=m");
}

TEST(LogSummary, WhatTheSuperBlockDoesNotCountIsNotTold) {
  LogBytes log;
  log.entry(0, 0, 8, "a").entry(0, 0, 8, "b");
  log.bytes()[16] = 1;
  EXPECT_EQ(summary(log.bytes()).value(), "entries=1 0+0:mark=a");
  log.bytes()[16] = 0;
  EXPECT_EQ(summary(log.bytes()).value(), "entries=0");
}

TEST(LogSummary, AStampOfAnotherTraceIsRaw) {
  LogBytes log;
  log.entry(8, 1, 0).data(3, 8, 1, kSeed + 1);
  EXPECT_TRUE(summary(log.bytes()).value().starts_with("entries=1 8+1:write,raw:"));
}

TEST(LogSummary, WhatIsNoLogIsRefused) {
  EXPECT_FALSE(summary({}).has_value());
  EXPECT_FALSE(summary(std::vector<u8>(4096)).has_value());
  LogBytes log;
  log.entry(8, 8, 0).data(3, 8, 8);
  auto changed = [&](std::size_t at, u8 value) {
    std::vector<u8> bytes = log.bytes();
    bytes[at] = value;
    return summary(bytes).has_value();
  };
  EXPECT_FALSE(changed(0, 0));           // magic
  EXPECT_FALSE(changed(8, 2));           // version
  EXPECT_FALSE(changed(25, 3));          // 768 bytes a block
  EXPECT_FALSE(changed(16, 2));          // an entry more than there is room
  EXPECT_FALSE(changed(512 + 8, 9));     // a sector more than there is room
  EXPECT_FALSE(changed(512 + 15, 0x80)); // a count that no device has
  EXPECT_TRUE(changed(512 + 16, 2));
}

TEST(LogSummary, AnyBytesGiveATextOrAreRefused) {
  Chooser chooser(11);
  u32 read = 0;
  for (int round = 0; round < 2000; ++round) {
    LogBytes log;
    log.entry(8, 2, 0).data(3, 8, 2).entry(0, 0, 8, "m").entry(4, 1, 2).data(4, 4, 1);
    for (int i = 0; i < 3; ++i) {
      const u32 at = chooser.pick(ChoiceKind::Generate, 1, static_cast<u32>(log.bytes().size()));
      log.bytes()[at] = static_cast<u8>(chooser.pick(ChoiceKind::Generate, 2, 256));
    }
    read += summary(log.bytes()).has_value() ? 1 : 0;
  }
  EXPECT_GT(read, 100U);
  EXPECT_LT(read, 2000U);
}

}  // namespace
}  // namespace bioscope
