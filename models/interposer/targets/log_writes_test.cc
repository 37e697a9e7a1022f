// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <algorithm>
#include <optional>

#include "models/interposer/targets/log_format.h"
#include "models/interposer/targets/testing/target_machine.h"

namespace bioscope::dm {
namespace {

using testing::check;
using testing::check_equal;
using testing::Lines;

constexpr const char* kTable = "0 64 log-writes d0 l0";
constexpr u64 kLogSectors = 256;

// The log as l0 holds it: "write 8+4=7 fua", "flush", "discard 0+8", "mark one", one line an entry;
// behind a write the byte that fills its data. Empty: there is none.
std::optional<Lines> read_log_lines(testing::TargetMachine& m, const char* name = "l0") {
  blk::BlockDevice& device = m.device(name);
  const ReadLogSectors read = [&](u64 sector, std::span<u8> bytes) {
    return blk::blkdev_read(device, sector, bytes) == 0;
  };
  const auto log = read_log(device.nr_sectors(), read);
  if (!log) return std::nullopt;
  Lines lines;
  for (const LoggedEntry& logged : log->entries) {
    const u64 flags = logged.entry.flags;
    const std::string range =
        std::to_string(logged.first_sector) + "+" + std::to_string(logged.count_sectors);
    if ((flags & kLogMark) != 0) {
      lines.push_back("mark " + logged.entry.mark);
    } else if ((flags & kLogFlush) != 0) {
      lines.push_back("flush");
    } else if ((flags & kLogDiscard) != 0) {
      lines.push_back("discard " + range);
    } else {
      std::vector<u8> data(std::max<u64>(1, logged.count_sectors) * kSectorBytes);
      check(logged.count_sectors > 0 && read(logged.data_sector, data), "an entry has its data");
      check(std::ranges::count(data, data.front()) == static_cast<std::ptrdiff_t>(data.size()),
            "the data is of one write");
      lines.push_back("write " + range + "=" + std::to_string(data.front()));
    }
    if ((flags & kLogFua) != 0) lines.back() += " fua";
    if ((flags & kLogMetadata) != 0) lines.back() += " meta";
  }
  return lines;
}

// Removes the device, which writes out its log.
Lines log_of_removed(testing::TargetMachine& m) {
  check_equal(m.remove("lw"), 0, "remove");
  const auto lines = read_log_lines(m);
  check(lines.has_value(), "there is a log");
  return lines.value_or(Lines{});
}

// W1: the example of the kernel's documentation: W1,W2,W3,C3,C2,Wflush,C1,Cflush.
TARGET_SCENARIO(LogWrites, AFlushTakesAlongWhatHasCompleted) {
  auto& disk = m.add_disk("d0");
  m.add_disk("l0", kLogSectors);
  m.make("lw", kTable);
  AsyncBios pending;
  disk.hold();
  pending.submit(m.device("lw"), blk::BioOp::Write, 0, 4, 1);
  while (disk.held() == 0) rt::yield();
  disk.pass();
  check_equal(m.write("lw", 16, 4, 3), 0, "write 3");
  check_equal(m.write("lw", 8, 4, 2), 0, "write 2");
  check_equal(m.flush("lw"), 0, "flush");
  disk.release();
  pending.wait();
  check_equal(m.message("lw", {"mark", "m"}), 0, "mark");
  check_equal(log_of_removed(m),
              (Lines{"write 16+4=3", "write 8+4=2", "flush", "mark m", "write 0+4=1",
                     "mark dm-log-writes-end"}),
              "the log");
}

// What completes while the flush is on its way is not covered by it.
TARGET_SCENARIO(LogWrites, AFlushOnItsWayTakesNothingMore) {
  auto& disk = m.add_disk("d0");
  m.add_disk("l0", kLogSectors);
  m.make("lw", kTable);
  disk.hold();
  AsyncBios flush;
  flush.submit(m.device("lw"), blk::BioOp::Write, 0, 0, 0, blk::kReqPreflush);
  while (disk.held() == 0) rt::yield();
  disk.pass();
  check_equal(m.write("lw", 0, 4, 1), 0, "write");
  disk.release();
  flush.wait();
  check_equal(log_of_removed(m), (Lines{"flush", "write 0+4=1", "mark dm-log-writes-end"}),
              "the log");
}

// W2, W3: the log's device gets the entry, its data, and then the super block.
TARGET_SCENARIO(LogWrites, FuaAndMarksAreLoggedAtOnce) {
  m.add_disk("d0");
  auto& log = m.add_disk("l0", kLogSectors);
  m.make("lw", kTable);
  check_equal(m.write("lw", 0, 4, 1), 0, "write");
  check_equal(m.write("lw", 8, 2, 2, blk::kReqFua | blk::kReqMeta), 0, "write with FUA");
  while (m.status("lw") != "1 3") rt::yield();
  log.wait_until_ended(3);
  check_equal(log.take_log(), (Lines{"write 1+1", "write 2+2", "write 0+1"}), "the log's device");
  check_equal(m.message("lw", {"MARK", "one"}), 0, "mark");
  log.wait_until_ended(2);
  check_equal(log.take_log(), (Lines{"write 4+1", "write 0+1"}), "the log's device");
  check_equal(read_log_lines(m).value_or(Lines{}), (Lines{"write 8+2=2 fua meta", "mark one"}),
              "the log while the target lives");
  check_equal(m.status("lw"), std::string("2 4"), "status");
  check_equal(m.table("lw"), std::string("d0 l0"), "table");
  check_equal(log_of_removed(m),
              (Lines{"write 8+2=2 fua meta", "mark one", "write 0+4=1", "mark dm-log-writes-end"}),
              "the log");
}

TARGET_SCENARIO(LogWrites, ADiscardHasNoData) {
  auto& disk = m.add_disk("d0");
  m.add_disk("l0", kLogSectors);
  m.make("lw", kTable);
  check_equal(m.write("lw", 0, 8, 9), 0, "write");
  check_equal(m.issue("lw", blk::BioOp::Discard, 0, 32), 0, "discard");
  check_equal(m.write("lw", 4, 1, 5), 0, "write");
  check_equal(u32{disk.byte(0)}, 0U, "the disk has discarded");
  check_equal(log_of_removed(m),
              (Lines{"write 0+8=9", "discard 0+32", "write 4+1=5", "mark dm-log-writes-end"}),
              "the log");
}

// io_hints: discards are offered, logged and ended without a device that has them.
TARGET_SCENARIO(LogWrites, ADiscardThatTheDiskDoesNotOffer) {
  blk::QueueLimits limits = testing::generous_limits();
  limits.max_discard_sectors = 0;
  auto& disk = m.add_disk("d0", 64, limits);
  m.add_disk("l0", kLogSectors);
  m.make("lw", kTable);
  check_equal(m.issue("lw", blk::BioOp::Discard, 8, 8), 0, "discard");
  check_equal(disk.take_log(), Lines{}, "the disk gets nothing");
  check_equal(log_of_removed(m), (Lines{"discard 8+8", "mark dm-log-writes-end"}), "the log");
}

TARGET_SCENARIO(LogWrites, TheLogKeepsACopy) {
  m.add_disk("d0");
  m.add_disk("l0", kLogSectors);
  m.make("lw", kTable);
  std::vector<u8> bytes(2 * kSectorBytes, 7);
  check_equal(blk::blkdev_write(m.device("lw"), 0, bytes, 0), 0, "write");
  std::ranges::fill(bytes, u8{8});
  check_equal(log_of_removed(m), (Lines{"write 0+2=7", "mark dm-log-writes-end"}), "the log");
}

// The sector of the table, wherever the target begins.
TARGET_SCENARIO(LogWrites, MapsOneToOneFromAnyBeginning) {
  auto& disk = m.add_disk("d0");
  m.add_disk("l0", kLogSectors);
  m.make("lw", "0 32 zero; 32 32 log-writes d0 l0");
  check_equal(m.write("lw", 30, 4, 6), 0, "write");
  check_equal(u32{disk.byte(32)} + disk.byte(30), 6U, "the disk");
  check_equal(log_of_removed(m), (Lines{"write 32+2=6", "mark dm-log-writes-end"}), "the log");
}

// Blocks of the device's size: the log counts in them.
TARGET_SCENARIO(LogWrites, BlocksOf4096Bytes) {
  blk::QueueLimits limits = testing::generous_limits();
  limits.logical_block_bytes = limits.physical_block_bytes = limits.io_min_bytes = 4096;
  limits.discard_granularity_bytes = 4096;
  m.add_disk("d0", 64, limits);
  auto& log = m.add_disk("l0", kLogSectors, limits);
  m.make("lw", kTable);
  check_equal(m.write("lw", 8, 16, 3, blk::kReqFua), 0, "write");
  log.wait_until_ended(3);
  check_equal(log.take_log(), (Lines{"write 8+8", "write 16+16", "write 0+8"}), "the log's device");
  check_equal(m.status("lw"), std::string("1 31"), "status");
  check_equal(log_of_removed(m), (Lines{"write 8+16=3 fua", "mark dm-log-writes-end"}), "the log");
}

// W5.
TARGET_SCENARIO(LogWrites, AFullLogStopsLoggingOnly) {
  auto& disk = m.add_disk("d0");
  auto& log = m.add_disk("l0", 16);
  m.make("lw", kTable);
  check_equal(m.write("lw", 0, 8, 1, blk::kReqFua), 0, "write");
  log.wait_until_ended(3);
  check_equal(m.status("lw"), std::string("1 9"), "status");
  check_equal(m.write("lw", 8, 8, 2, blk::kReqFua), 0, "write");
  while (!m.status("lw").ends_with("logging_disabled")) rt::yield();
  check_equal(m.status("lw"), std::string("1 18 logging_disabled"), "status");
  check_equal(m.write("lw", 16, 1, 3, blk::kReqFua), 0, "write");
  check_equal(u32{disk.byte(16)}, 3U, "the device goes on");
  check_equal(log_of_removed(m), Lines{"write 0+8=1 fua"}, "the log");
}

TARGET_SCENARIO(LogWrites, ALogThatFailsStopsLoggingOnly) {
  auto& disk = m.add_disk("d0");
  auto& log = m.add_disk("l0", kLogSectors);
  m.make("lw", kTable);
  log.fails = [](const rt::DiskIo& io) {
    return io.operation == rt::DiskOperation::Write && io.first_sector == 2 ? EIO : 0;
  };
  check_equal(m.write("lw", 0, 8, 1, blk::kReqFua), 0, "write");
  while (!m.status("lw").ends_with("logging_disabled")) rt::yield();
  check_equal(m.write("lw", 8, 8, 2, blk::kReqFua), 0, "write");
  check_equal(u32{disk.byte(8)}, 2U, "the device goes on");
  check_equal(m.remove("lw"), 0, "remove");
  check(!read_log_lines(m).has_value(), "what could not be written is not counted");
}

TARGET_SCENARIO(LogWrites, Messages) {
  m.add_disk("d0");
  m.add_disk("l0", kLogSectors);
  m.make("lw", kTable);
  check_equal(m.message("lw", {"mark"}), EINVAL, "without a name");
  check_equal(m.message("lw", {"mark", "a", "b"}), EINVAL, "with two");
  check_equal(m.message("lw", {"note", "a"}), EINVAL, "another message");
  check_equal(m.message("lw", {"mark", std::string(600, 'x')}), 0, "a long one");
  check_equal(log_of_removed(m),
              (Lines{"mark " + std::string(512 - 32 - 1, 'x'), "mark dm-log-writes-end"}),
              "the log");
}

TARGET_SCENARIO(LogWrites, WhatTheConstructorRefuses) {
  m.add_disk("d0");
  m.refuses("0 16 log-writes d0", "Invalid argument count");
  m.refuses("0 16 log-writes d7 l0", "Device lookup failed", ENODEV);
  m.refuses("0 16 log-writes d0 l7", "Log device lookup failed", ENODEV);
}

// A table that was never live logs its end all the same.
TARGET_SCENARIO(LogWrites, ATableThatIsDropped) {
  m.add_disk("d0");
  m.add_disk("l0", kLogSectors);
  check_equal(m.mapper.create("lw", "", -1), 0, "create");
  check_equal(m.load("lw", kTable), 0, "load");
  check_equal(m.mapper.clear({.name = "lw"}), 0, "clear");
  check_equal(read_log_lines(m).value_or(Lines{}), Lines{"mark dm-log-writes-end"}, "the log");
}

// Writers, flushes and marks at once: everything is logged once, each writer's own writes in order
// before its flush, and marks where they were put.
TARGET_SCENARIO(LogWrites, ManyWriters) {
  m.add_disk("d0");
  m.add_disk("l0", kLogSectors);
  m.make("lw", kTable);
  {
    std::vector<rt::Thread> writers;
    for (u8 lane = 0; lane < 3; ++lane) {
      writers.emplace_back("writer", [&m, lane] {
        const u64 first = u64{lane} * 8;
        const u8 fill = static_cast<u8>(10 * (lane + 1));
        check_equal(m.write("lw", first, 1, fill), 0, "write");
        check_equal(m.flush("lw"), 0, "flush");
        check_equal(m.write("lw", first + 1, 1, static_cast<u8>(fill + 1)), 0, "write");
        check_equal(m.message("lw", {"mark", std::string(1, static_cast<char>('a' + lane))}), 0,
                    "mark");
        check_equal(m.write("lw", first + 2, 1, static_cast<u8>(fill + 2), blk::kReqFua), 0,
                    "write with FUA");
      });
    }
    for (rt::Thread& writer : writers) writer.join();
  }
  const Lines log = log_of_removed(m);
  check_equal(log.size(), std::size_t{3 * 5 + 1}, "entries");
  const auto at = [&](const std::string& line) {
    check_equal(std::ranges::count(log, line), std::ptrdiff_t{1}, line + " is there once");
    return std::ranges::find(log, line) - log.begin();
  };
  for (u8 lane = 0; lane < 3; ++lane) {
    const u64 first = u64{lane} * 8;
    const auto write = [&](u64 which, const char* flags) {
      return at("write " + std::to_string(first + which) +
                "+1=" + std::to_string(10 * (lane + 1) + which) + flags);
    };
    const auto mark = at("mark " + std::string(1, static_cast<char>('a' + lane)));
    check(write(0, "") < mark, "what was flushed is logged before the mark");
    check(mark < write(2, " fua"), "FUA comes behind the mark");
    const auto flushes = std::count(log.begin(), log.begin() + mark, std::string("flush"));
    check(flushes >= 1, "the flush is logged before the mark");
    const auto before = std::count(log.begin(), log.begin() + write(1, ""), std::string("flush"));
    check(before >= 1, "nothing that came after the flush is logged before it");
  }
}

}  // namespace
}  // namespace bioscope::dm
