// SPDX-License-Identifier: Apache-2.0
// The log of log-writes as it lies on its device, byte for byte that of drivers/md/dm-log-writes.c
// (R51). Pure: no device, no thread.
//
// Invariants:
//   L1  Block 0 is the super block. A block is one logical block of the logged device, and every
//       number in the log counts those blocks.
//   L2  An entry is one block that describes it, and then the blocks of its data; a discard and a
//       mark have none. The next entry follows without a gap.
//   L3  The super block counts the entries that are valid; what lies behind them means nothing.
//   L4  Reading is total: any bytes give a log or are refused with a sentence, in time and memory
//       bounded by the size of the device.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/base/result.h"
#include "models/base/stamp.h"
#include "models/base/types.h"

namespace bioscope::dm {

inline constexpr u64 kLogMagic = 0x6a736677736872ULL;  // WRITE_LOG_MAGIC
inline constexpr u64 kLogVersion = 1;

// LOG_*_FLAG.
inline constexpr u64 kLogFlush = 1U << 0;
inline constexpr u64 kLogFua = 1U << 1;
inline constexpr u64 kLogDiscard = 1U << 2;
inline constexpr u64 kLogMark = 1U << 3;
inline constexpr u64 kLogMetadata = 1U << 4;

// struct log_write_super.
struct LogSuper {
  u64 entry_count = 0;
  u32 block_bytes = kSectorBytes;
  bool operator==(const LogSuper&) const = default;
};

// struct log_write_entry, with the mark that follows it in its block.
struct LogEntry {
  u64 first_block = 0;
  u64 count_blocks = 0;
  u64 flags = 0;
  std::string mark;
  bool operator==(const LogEntry&) const = default;
};

// The longest mark: log_mark() keeps a byte for the end of the string.
std::size_t longest_mark_bytes(u32 block_bytes);
// Does data follow (L2)?
bool has_data(const LogEntry& entry);

// Each fills one block; what is left of it is zero. REQUIRES: block.size() is the block's size, and
// a mark is no longer than longest_mark_bytes().
void encode_super(const LogSuper& super, std::span<u8> block);
void encode_entry(const LogEntry& entry, std::span<u8> block);

// REQUIRES: at least 512 bytes.
Result<LogSuper> decode_super(std::span<const u8> block);
Result<LogEntry> decode_entry(std::span<const u8> block);

// Reads whole sectors of the log's device. False: it could not.
using ReadLogSectors = std::function<bool(u64 first_sector, std::span<u8> bytes)>;

struct LoggedEntry {
  LogEntry entry;
  u64 data_sector = 0;  // on the log's device, in sectors of 512 bytes, as the two that follow
  u64 first_sector = 0;
  u64 count_sectors = 0;
};

struct Log {
  LogSuper super;
  std::vector<LoggedEntry> entries;
};

// Refused: no log, another version, a block size that is none, an entry that lies past the end.
Result<Log> read_log(u64 size_sectors, const ReadLogSectors& read);

// What `log-dump` returns (docs/TRACE.md). `seed` is the trace's: stamps of another one are told as
// raw data. Fails as the reading does, and on a log that is longer than a text may be.
Result<std::string> log_dump_text(u64 size_sectors, const ReadLogSectors& read, u64 seed);

}  // namespace bioscope::dm
