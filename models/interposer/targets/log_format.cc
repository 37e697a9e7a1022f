// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/log_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>

#include "models/base/hash.h"

namespace bioscope::dm {
namespace {

// struct log_write_super: magic, version, nr_entries, sectorsize. struct log_write_entry: sector,
// nr_sectors, flags, data_len, and then the mark.
constexpr std::size_t kWordBytes = 8;
constexpr std::size_t kEntryBytes = 4 * kWordBytes;

constexpr u32 kMostBlockBytes = 65536;
constexpr std::size_t kMostTextBytes = 4U << 20;

void put(u64 value, std::size_t word, std::span<u8> block) {
  for (std::size_t i = 0; i < kWordBytes; ++i) {
    block[word * kWordBytes + i] = static_cast<u8>(value >> (8 * i));
  }
}

u64 get(std::span<const u8> block, std::size_t word) {
  u64 value = 0;
  for (std::size_t i = kWordBytes; i > 0; --i)
    value = value << 8 | block[word * kWordBytes + i - 1];
  return value;
}

bool is_block_size(u64 bytes) {
  return bytes >= kSectorBytes && bytes <= kMostBlockBytes && std::has_single_bit(bytes);
}

// Blanks, commas and what cannot be printed, as %XX.
std::string escaped(std::string_view mark) {
  std::string text;
  for (const char c : mark) {
    const bool plain = c > ' ' && c <= '~' && c != ',' && c != '%';
    text += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<u8>(c));
  }
  return text;
}

// The data of one entry, as runs of equal or consecutive sectors: "op3@8*8,0*2".
class DataRuns {
 public:
  explicit DataRuns(u64 seed) : seed_(seed) {}

  void add(std::span<const u8> sector) {
    Sector read = read_sector(sector);
    if (const auto* stamp = std::get_if<Stamp>(&read); stamp != nullptr && stamp->seed != seed_) {
      read = RawRef{Hash::of(sector).value()};  // what an earlier trace left
    }
    if (count_ > 0 && follows(read)) {
      ++count_;
      return;
    }
    end_run();
    first_ = read;
    count_ = 1;
  }

  std::string take() {
    end_run();
    return std::move(text_);
  }

 private:
  bool follows(const Sector& read) const {
    Sector expected = first_;
    if (auto* stamp = std::get_if<Stamp>(&expected)) stamp->sector += count_;
    return read == expected;
  }

  void end_run() {
    if (count_ > 0) text_ += fmt::format(",{}*{}", to_text(first_), count_);
    count_ = 0;
  }

  u64 seed_;
  Sector first_;
  u64 count_ = 0;
  std::string text_;
};

std::string entry_words(const LoggedEntry& logged) {
  const LogEntry& entry = logged.entry;
  const bool marks = (entry.flags & kLogMark) != 0;
  const bool discards = (entry.flags & kLogDiscard) != 0;
  const bool flushes = (entry.flags & kLogFlush) != 0;
  std::string words = fmt::format("{}+{}:", logged.first_sector, logged.count_sectors);
  words += marks      ? "mark=" + escaped(entry.mark)
           : discards ? "discard"
           : flushes  ? "flush"
                      : "write";
  if ((entry.flags & kLogFua) != 0) words += ",fua";
  if ((entry.flags & kLogMetadata) != 0) words += ",meta";
  return words;
}

}  // namespace

std::size_t longest_mark_bytes(u32 block_bytes) {
  return block_bytes - kEntryBytes - 1;
}

bool has_data(const LogEntry& entry) {
  return entry.count_blocks > 0 && (entry.flags & (kLogDiscard | kLogMark)) == 0;
}

void encode_super(const LogSuper& super, std::span<u8> block) {
  assert(block.size() == super.block_bytes);
  std::ranges::fill(block, u8{0});
  put(kLogMagic, 0, block);
  put(kLogVersion, 1, block);
  put(super.entry_count, 2, block);
  put(super.block_bytes, 3, block);  // an __le32 with zeroes behind it
}

void encode_entry(const LogEntry& entry, std::span<u8> block) {
  assert(entry.mark.size() <= longest_mark_bytes(static_cast<u32>(block.size())));
  std::ranges::fill(block, u8{0});
  put(entry.first_block, 0, block);
  put(entry.count_blocks, 1, block);
  put(entry.flags, 2, block);
  put(entry.mark.size(), 3, block);
  std::ranges::copy(entry.mark, block.subspan(kEntryBytes).begin());
}

Result<LogSuper> decode_super(std::span<const u8> block) {
  assert(block.size() >= kSectorBytes);
  if (get(block, 0) != kLogMagic) {
    return bad_input("the device holds no log: its first block is no super block of log-writes");
  }
  if (get(block, 1) != kLogVersion) {
    return bad_input(
        fmt::format("the log has version {}, only {} is known", get(block, 1), kLogVersion));
  }
  const u64 block_bytes = get(block, 3) & 0xffffffff;
  if (!is_block_size(block_bytes)) {
    return bad_input(fmt::format("the log says that its blocks have {} bytes", block_bytes));
  }
  return LogSuper{get(block, 2), static_cast<u32>(block_bytes)};
}

Result<LogEntry> decode_entry(std::span<const u8> block) {
  assert(block.size() >= kSectorBytes);
  LogEntry entry{get(block, 0), get(block, 1), get(block, 2), {}};
  const u64 mark_bytes = get(block, 3);
  if ((entry.flags & kLogMark) == 0) return entry;
  if (mark_bytes > longest_mark_bytes(static_cast<u32>(block.size()))) {
    return bad_input(fmt::format("a mark of {} bytes does not fit into its block", mark_bytes));
  }
  const auto* text = reinterpret_cast<const char*>(block.data() + kEntryBytes);
  entry.mark.assign(text, mark_bytes);
  return entry;
}

Result<Log> read_log(u64 size_sectors, const ReadLogSectors& read) {
  std::vector<u8> block(kSectorBytes);
  if (size_sectors == 0 || !read(0, block)) {
    return bad_input("the super block of the log could not be read");
  }
  auto super = decode_super(block);
  if (!super) return std::unexpected(super.error());
  Log log{*super, {}};
  const u64 block_sectors = super->block_bytes / kSectorBytes;
  const u64 size_blocks = size_sectors / block_sectors;
  block.resize(super->block_bytes);
  u64 at = 1;
  for (u64 i = 0; i < super->entry_count; ++i) {
    if (at >= size_blocks) {
      return bad_input(fmt::format("entry {} of {} lies past the end of the log's device", i,
                                   super->entry_count));
    }
    if (!read(at * block_sectors, block)) {
      return bad_input(fmt::format("block {} of the log could not be read", at));
    }
    auto entry = decode_entry(block);
    if (!entry) return std::unexpected(entry.error());
    ++at;
    const u64 data_blocks = has_data(*entry) ? entry->count_blocks : 0;
    constexpr u64 kMostBlocks = ~u64{0} / kMostBlockBytes;  // so that no product wraps
    if (data_blocks > size_blocks - at || entry->count_blocks > kMostBlocks ||
        entry->first_block > kMostBlocks) {
      return bad_input(fmt::format("entry {} claims the {} blocks from {}, more than there can be",
                                   i, entry->count_blocks, entry->first_block));
    }
    LoggedEntry logged{.entry = *std::move(entry), .data_sector = at * block_sectors};
    logged.first_sector = logged.entry.first_block * block_sectors;
    logged.count_sectors = logged.entry.count_blocks * block_sectors;
    at += data_blocks;
    log.entries.push_back(std::move(logged));
  }
  return log;
}

Result<std::string> log_dump_text(u64 size_sectors, const ReadLogSectors& read, u64 seed) {
  const auto log = read_log(size_sectors, read);
  if (!log) return std::unexpected(log.error());
  std::string text = fmt::format("entries={}", log->entries.size());
  std::vector<u8> sector(kSectorBytes);
  for (const LoggedEntry& logged : log->entries) {
    text += " " + entry_words(logged);
    DataRuns runs(seed);
    const u64 count = has_data(logged.entry) ? logged.count_sectors : 0;
    for (u64 i = 0; i < count; ++i) {
      if (!read(logged.data_sector + i, sector)) {
        return bad_input(
            fmt::format("sector {} of the log could not be read", logged.data_sector + i));
      }
      runs.add(sector);
    }
    text += runs.take();
    if (text.size() > kMostTextBytes) {
      return bad_input("the log is too long to be told; use a smaller log device");
    }
  }
  return text;
}

}  // namespace bioscope::dm
