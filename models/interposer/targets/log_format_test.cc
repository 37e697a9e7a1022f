// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/log_format.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "models/base/chooser.h"

namespace bioscope::dm {
namespace {

constexpr u64 kSeed = 7;

// A device's bytes, and a reader of them that counts.
class LogDevice {
 public:
  explicit LogDevice(u64 size_sectors, u32 block_bytes = kSectorBytes)
      : block_bytes_(block_bytes), bytes_(size_sectors * kSectorBytes) {
    write_super();
  }

  void add(const LogEntry& entry, std::span<const u8> data = {}) {
    encode_entry(entry, block(next_block_++));
    std::ranges::copy(data,
                      bytes_.begin() + static_cast<std::ptrdiff_t>(next_block_ * block_bytes_));
    next_block_ += data.size() / block_bytes_;
    ++entries_;
    write_super();
  }
  void add_write(u64 first_block, u64 count_blocks, u64 flags, u32 operation) {
    const u64 sectors = block_bytes_ / kSectorBytes;
    std::vector<u8> data(count_blocks * block_bytes_);
    for (u64 i = 0; i < count_blocks * sectors; ++i) {
      write_stamp({operation, first_block * sectors + i, kSeed},
                  std::span(data).subspan(i * kSectorBytes, kSectorBytes));
    }
    add({first_block, count_blocks, flags, {}}, data);
  }

  std::vector<u8>& bytes() { return bytes_; }
  u64 size_sectors() const { return bytes_.size() / kSectorBytes; }
  u64 sectors_read() const { return sectors_read_; }
  ReadLogSectors reader() {
    return [this](u64 first, std::span<u8> out) {
      if (first * kSectorBytes + out.size() > bytes_.size()) return false;
      sectors_read_ += out.size() / kSectorBytes;
      std::ranges::copy(std::span(bytes_).subspan(first * kSectorBytes, out.size()), out.begin());
      return true;
    };
  }
  Result<std::string> text() { return log_dump_text(size_sectors(), reader(), kSeed); }

 private:
  std::span<u8> block(u64 number) {
    return std::span(bytes_).subspan(number * block_bytes_, block_bytes_);
  }
  void write_super() { encode_super({entries_, block_bytes_}, block(0)); }

  u32 block_bytes_;
  std::vector<u8> bytes_;
  u64 next_block_ = 1;
  u64 entries_ = 0;
  u64 sectors_read_ = 0;
};

std::vector<u8> first_bytes(const std::vector<u8>& bytes, std::size_t from, std::size_t count) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
          bytes.begin() + static_cast<std::ptrdiff_t>(from + count)};
}

// What a stock 6.1 wrote for `write lw 8+2 fua` and a mark "ab".
TEST(LogFormat, BytesAreTheKernels) {
  LogDevice device(8);
  device.add({8, 2, kLogFua, {}}, std::vector<u8>(1024, 0x5a));
  device.add({0, 0, kLogMark, "ab"});
  const std::vector<u8> super{0x72, 0x68, 0x73, 0x77, 0x66, 0x73, 0x6a, 0, 1, 0, 0, 0, 0, 0, 0, 0,
                              2,    0,    0,    0,    0,    0,    0,    0, 0, 2, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(first_bytes(device.bytes(), 0, 32), super);
  const std::vector<u8> entry{8, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
                              2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(first_bytes(device.bytes(), 512, 32), entry);
  EXPECT_EQ(device.bytes()[1024], 0x5a);
  const std::vector<u8> mark{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,   8,
                             0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 'a', 'b'};
  EXPECT_EQ(first_bytes(device.bytes(), 2048, 34), mark);
}

TEST(LogFormat, WhatIsWrittenIsRead) {
  for (const u32 block_bytes : {512U, 4096U}) {
    LogDevice device(256, block_bytes);
    device.add_write(1, 2, 0, 3);
    device.add({0, 0, kLogFlush, {}});
    device.add({5, 9, kLogDiscard, {}});
    device.add_write(0, 1, kLogFua | kLogMetadata, 5);
    device.add({0, 0, kLogMark, std::string(longest_mark_bytes(block_bytes), 'm')});
    const auto log = read_log(device.size_sectors(), device.reader());
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ(log->super, (LogSuper{5, block_bytes}));
    const u64 sectors = block_bytes / kSectorBytes;
    ASSERT_EQ(log->entries.size(), 5U);
    EXPECT_EQ(log->entries[0].entry, (LogEntry{1, 2, 0, {}}));
    EXPECT_EQ(log->entries[0].first_sector, sectors);
    EXPECT_EQ(log->entries[0].count_sectors, 2 * sectors);
    EXPECT_EQ(log->entries[0].data_sector, 2 * sectors);
    EXPECT_EQ(log->entries[2].entry, (LogEntry{5, 9, kLogDiscard, {}}));
    EXPECT_EQ(log->entries[3].entry, (LogEntry{0, 1, kLogFua | kLogMetadata, {}}));
    EXPECT_EQ(log->entries[4].entry.mark.size(), longest_mark_bytes(block_bytes));
  }
}

TEST(LogFormat, TheTextTellsEveryEntryInOrder) {
  LogDevice device(64);
  device.add_write(8, 8, 0, 3);
  device.add({0, 0, kLogFlush, {}});
  device.add({32, 16, kLogDiscard, {}});
  device.add_write(0, 1, kLogFua, 5);
  device.add({0, 0, kLogMark, "one two"});
  device.add({40, 1, kLogMetadata, {}}, std::vector<u8>(512));
  EXPECT_EQ(device.text().value(),
            "entries=6 8+8:write,op3@8*8 0+0:flush 32+16:discard 0+1:write,fua,op5@0*1 "
            "0+0:mark=one%20two 40+1:write,meta,0*1");
}

TEST(LogFormat, WhatIsNoLogIsRefused) {
  LogDevice device(8);
  device.add_write(0, 4, 0, 1);
  ASSERT_TRUE(device.text());
  const auto refused = [&](std::size_t at, u8 value) {
    const u8 was = std::exchange(device.bytes()[at], value);
    const bool refuses = !device.text().has_value();
    device.bytes()[at] = was;
    return refuses;
  };
  EXPECT_TRUE(refused(0, 0));            // magic
  EXPECT_TRUE(refused(8, 2));            // version
  EXPECT_TRUE(refused(25, 3));           // blocks of 768 bytes
  EXPECT_TRUE(refused(24 + 2, 4));       // blocks of 256 KiB
  EXPECT_TRUE(refused(16, 9));           // more entries than blocks
  EXPECT_TRUE(refused(512 + 8, 7));      // more data than there is room
  EXPECT_TRUE(refused(512 + 15, 0x80));  // a count whose end wraps
  EXPECT_FALSE(refused(512 + 16, 2));
  EXPECT_FALSE(log_dump_text(0, device.reader(), kSeed).has_value());
}

// A super block that counts far more than there is costs no more than the device has.
TEST(LogFormat, AnyBytesAreReadOrRefusedInBoundedTime) {
  Chooser chooser(5);
  const auto pick = [&](u64 site, std::size_t n) {
    return chooser.pick(ChoiceKind::Generate, site, static_cast<u32>(n));
  };
  u32 read = 0;
  for (int round = 0; round < 3000; ++round) {
    LogDevice device(16, pick(1, 4) == 0 ? 1024 : 512);
    device.add_write(2, 2, 0, 1);
    device.add({0, 0, kLogMark, "m"});
    device.add_write(0, 1, kLogFua, 2);
    for (u32 changes = pick(2, 4); changes > 0; --changes) {
      // Mostly where numbers stand.
      const std::size_t at =
          pick(3, 2) == 0 ? pick(4, 64) + 512 * pick(5, 8) : pick(6, device.bytes().size());
      device.bytes()[at] = static_cast<u8>(pick(7, 256));
    }
    read += device.text().has_value() ? 1 : 0;
    EXPECT_LE(device.sectors_read(), 3 * device.size_sectors());
  }
  EXPECT_GT(read, 500U);
  EXPECT_LT(read, 2900U);
}

}  // namespace
}  // namespace bioscope::dm
