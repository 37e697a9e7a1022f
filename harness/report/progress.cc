// SPDX-License-Identifier: Apache-2.0
#include "harness/report/progress.h"

#include <fmt/format.h>

#include <utility>

namespace bioscope {

std::string duration_text(double seconds) {
  const u64 whole = seconds < 0 ? 0 : static_cast<u64>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

Progress::Progress(std::ostream& out, bool terminal, u64 total, std::function<double()> seconds,
                   ProgressWords words)
    : out_(out),
      terminal_(terminal),
      total_(total),
      seconds_(std::move(seconds)),
      words_(std::move(words)),
      start_(seconds_()) {
  const std::lock_guard lock(mutex_);
  if (terminal_) draw();
}

void Progress::advance(u64 done_more) {
  const std::lock_guard lock(mutex_);
  done_ += done_more;
  draw();
}

void Progress::found() {
  const std::lock_guard lock(mutex_);
  ++found_;
  if (terminal_) draw();
}

void Progress::note(std::string text) {
  const std::lock_guard lock(mutex_);
  if (text == note_) return;
  note_ = std::move(text);
  draw(/*must=*/true);
}

void Progress::draw(bool must) {
  const double elapsed = seconds_() - start_;
  std::string text = fmt::format("{} of {} {}", done_, total_, words_.things);
  if (found_ > 0) text += fmt::format(", {} findings", found_);
  if (!note_.empty()) text += ", " + note_;
  text += ", " + duration_text(elapsed);
  if (done_ > 0 && done_ < total_) {
    const double rest = elapsed / static_cast<double>(done_) * static_cast<double>(total_ - done_);
    text += fmt::format(", {} {} left", words_.rest, duration_text(rest));
  }
  if (terminal_) {
    out_ << "\r\x1b[K" << text << std::flush;
    return;
  }
  const u64 tenth = total_ == 0 ? 10 : done_ * 10 / total_;
  if (tenth == printed_tenth_ && !must) return;
  printed_tenth_ = tenth;
  out_ << text << "\n" << std::flush;
}

void Progress::finish() {
  const std::lock_guard lock(mutex_);
  if (terminal_) out_ << "\r\x1b[K" << std::flush;
}

}  // namespace bioscope
