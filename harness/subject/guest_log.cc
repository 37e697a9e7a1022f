// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/guest_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "models/base/bytes.h"

namespace bioscope {
namespace {

constexpr std::string_view kDirty = "dirty: ";

}  // namespace

void GuestLog::feed(std::string_view bytes) {
  std::span rest(reinterpret_cast<const u8*>(bytes.data()), bytes.size());
  while (!rest.empty() && trouble_.empty()) {  // G2
    rest = rest.subspan(reader_.feed(rest));
    while (trouble_.empty()) {
      auto frame = reader_.next();
      if (!frame) {
        trouble_ = frame.error().message;
        return;
      }
      if (!*frame) break;
      take(**frame);
    }
  }
}

void GuestLog::take(const Frame& frame) {
  if (frame.type != FrameType::Hello && frame.type != FrameType::Trouble && !greeting_) {
    trouble_ = "the guest reports before it has said hello";
    return;
  }
  switch (frame.type) {
    case FrameType::Hello: {
      auto greeting = decode_greeting(frame.payload);
      if (!greeting || greeting_) {
        trouble_ = greeting ? "the guest said hello twice" : greeting.error().message;
        return;
      }
      greeting_ = std::move(*greeting);
      return;
    }
    case FrameType::Begin:
      return begin(frame.payload);
    case FrameType::End:
      return end(frame.payload);
    case FrameType::Bye:
      if (in_progress_) {
        trouble_ = "the guest said goodbye in the middle of a trace";
        return;
      }
      done_ = true;
      return;
    case FrameType::Trouble: {
      std::string text(frame.payload.begin(), frame.payload.end());
      std::ranges::replace_if(text, [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
      if (unfit_) {  // says once more that the trace hung
        done_ = true;
        return;
      }
      if (last_ended_ && !in_progress_ && text.starts_with(kDirty)) return leave(text);
      trouble_ = "the guest's agent cannot go on: " + text;
      return;
    }
  }
  trouble_ = fmt::format("the guest sent a frame of the unknown type {}",
                         static_cast<unsigned>(frame.type));
}

// G3: the agent's ledger of the trace may be in order and a disk still not be given back.
void GuestLog::leave(const std::string& text) {
  unfit_ = true;
  done_ = true;
  History& history = reports_[*last_ended_]->history;
  if (history.leftovers.empty()) {
    history.leftovers.push_back({text.substr(kDirty.size()), 0, 1});
  }
}

void GuestLog::begin(std::span<const u8> payload) {
  ByteReader reader(payload);
  const u32 index = reader.get_u32le();
  const std::size_t next = last_ended_ ? *last_ended_ + 1 : 0;
  if (reader.failed() || index != next || next >= reports_.size() || in_progress_ || unfit_) {
    trouble_ = "the guest begins a trace out of order";
    return;
  }
  in_progress_ = index;
}

void GuestLog::end(std::span<const u8> payload) {
  auto report = decode_trace_report(payload);
  if (!report) {
    trouble_ = report.error().message;
    return;
  }
  if (!in_progress_ || *in_progress_ != report->index) {  // G1
    trouble_ = "the guest reports a trace that it has not begun";
    return;
  }
  unfit_ = report->history.end == HistoryEnd::Hung || report->history.end == HistoryEnd::Crashed;
  last_ended_ = in_progress_;
  reports_[report->index] = std::move(*report);
  in_progress_.reset();
}

}  // namespace bioscope
