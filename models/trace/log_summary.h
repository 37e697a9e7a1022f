// SPDX-License-Identifier: Apache-2.0
// The log of log-writes, as its device holds it, as the text of a log-dump's Return. Pure, and not
// the reference's reader: a mistake made once must not hide itself.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/base/result.h"
#include "models/trace/history.h"

namespace bioscope {

// Takes the sectors of the device from the first on, one by one, as long as it wants more.
class LogSummary {
 public:
  // Stamps of another seed are told as raw data.
  explicit LogSummary(u64 seed) : seed_(seed) {}

  bool wants_more() const { return state_ != State::Whole && state_ != State::Refused; }
  // REQUIRES: wants_more(); 512 bytes.
  void take(std::span<const u8> sector);

  // What docs/TRACE.md says, or the sentence why the device holds no such log. Asked before the
  // log is whole, the device has ended too early.
  Result<std::string> text() const;

 private:
  enum class State : u8 { Super, Entry, Data, Whole, Refused };

  void take_super();
  void take_entry();
  void next_entry();
  void end_data();
  void refuse(std::string why);

  u64 seed_;
  State state_ = State::Super;
  std::vector<u8> block_;  // the super block or an entry, as far as it has come
  u64 block_sectors_ = 1;
  u64 entries_ = 0;  // that the super block counts
  u64 seen_ = 0;
  u64 data_left_ = 0;  // sectors
  SectorRuns runs_;
  std::string text_;
};

}  // namespace bioscope
