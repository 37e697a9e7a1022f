// SPDX-License-Identifier: Apache-2.0
#include "models/trace/log_summary.h"

#include <fmt/format.h>

#include "models/base/hash.h"

namespace bioscope {
namespace {

// drivers/md/dm-log-writes.c:64
constexpr u64 kMagic = 0x6a736677736872ULL;
constexpr u64 kFlush = 1;
constexpr u64 kFua = 2;
constexpr u64 kDiscard = 4;
constexpr u64 kMark = 8;
constexpr u64 kMetadata = 16;
constexpr std::size_t kMarkOffset = 32;
constexpr std::size_t kMostTextBytes = 4U << 20;
constexpr u64 kMostSectors = 1ULL << 55;

u64 number_at(std::span<const u8> bytes, std::size_t offset, std::size_t size) {
  u64 number = 0;
  for (std::size_t i = 0; i < size; ++i) number |= u64{bytes[offset + i]} << (8 * i);
  return number;
}

std::string mark_name(std::span<const u8> bytes) {
  std::string name;
  for (const u8 byte : bytes) {
    if (byte <= ' ' || byte > '~' || byte == ',' || byte == '%') {
      name += fmt::format("%{:02x}", byte);
    } else {
      name += static_cast<char>(byte);
    }
  }
  return name;
}

}  // namespace

void LogSummary::take(std::span<const u8> sector) {
  if (state_ == State::Data) {
    Sector content = read_sector(sector);
    const auto* stamp = std::get_if<Stamp>(&content);
    if (stamp != nullptr && stamp->seed != seed_) content = RawRef{Hash::of(sector).value()};
    append_sector(runs_, content);
    if (--data_left_ == 0) end_data();
    return;
  }
  block_.insert(block_.end(), sector.begin(), sector.end());
  if (state_ == State::Super) {
    if (block_.size() == kSectorBytes) take_super();
    if (state_ != State::Super || block_.size() < block_sectors_ * kSectorBytes) return;
    text_ = fmt::format("entries={}", entries_);
    next_entry();
  } else if (block_.size() == block_sectors_ * kSectorBytes) {
    take_entry();
  }
}

void LogSummary::take_super() {
  if (number_at(block_, 0, 8) != kMagic) {
    return refuse("the device begins with no super block of log-writes");
  }
  if (number_at(block_, 8, 8) != 1) {
    return refuse(fmt::format("the log has version {}, not 1", number_at(block_, 8, 8)));
  }
  entries_ = number_at(block_, 16, 8);
  const u64 block_bytes = number_at(block_, 24, 4);
  block_sectors_ = block_bytes / kSectorBytes;
  const bool possible = block_sectors_ >= 1 && block_sectors_ <= 128 &&
                        (block_sectors_ & (block_sectors_ - 1)) == 0 &&
                        block_bytes % kSectorBytes == 0;
  if (!possible) refuse(fmt::format("the log's blocks cannot have {} bytes", block_bytes));
}

void LogSummary::take_entry() {
  const u64 first = number_at(block_, 0, 8);
  const u64 count = number_at(block_, 8, 8);
  const u64 flags = number_at(block_, 16, 8);
  const u64 mark_bytes = number_at(block_, 24, 8);
  if (first > kMostSectors || count > kMostSectors) {
    return refuse(fmt::format("entry {} lies at block {} and is {} long", seen_, first, count));
  }
  text_ += fmt::format(" {}+{}:", first * block_sectors_, count * block_sectors_);
  if ((flags & kMark) != 0) {
    if (mark_bytes > block_.size() - kMarkOffset) {
      return refuse(fmt::format("the mark of entry {} has {} bytes", seen_, mark_bytes));
    }
    text_ += "mark=" + mark_name(std::span(block_).subspan(kMarkOffset, mark_bytes));
  } else if ((flags & kDiscard) != 0) {
    text_ += "discard";
  } else {
    text_ += (flags & kFlush) != 0 ? "flush" : "write";
    data_left_ = count * block_sectors_;
  }
  if ((flags & kFua) != 0) text_ += ",fua";
  if ((flags & kMetadata) != 0) text_ += ",meta";
  ++seen_;
  if (data_left_ > 0) {
    state_ = State::Data;
  } else {
    next_entry();
  }
}

void LogSummary::end_data() {
  for (const SectorRun& run : runs_) text_ += fmt::format(",{}*{}", to_text(run.first), run.count);
  runs_.clear();
  if (text_.size() > kMostTextBytes) return refuse("the log is too long to be told");
  next_entry();
}

void LogSummary::next_entry() {
  block_.clear();
  state_ = seen_ == entries_ ? State::Whole : State::Entry;
}

void LogSummary::refuse(std::string why) {
  state_ = State::Refused;
  text_ = std::move(why);
}

Result<std::string> LogSummary::text() const {
  if (state_ == State::Whole) return text_;
  if (state_ == State::Refused) return bad_input(text_);
  return bad_input(fmt::format("the device ends within entry {} of {}", seen_, entries_));
}

}  // namespace bioscope
