// SPDX-License-Identifier: Apache-2.0
// What a guest said on its channel, in order: the one place where frames become plays.
//   G1  A report counts only for the trace that was begun and not ended.
//   G2  After garbage, or a frame out of order, nothing is believed any more.
//   G3  A guest in which a trace hung or died, or that a trace left "dirty: ..", is unfit for the
//       next one; what it reported before stands, and the dirt is a leftover of that trace.
//   G4  Traces begin in their order, each once; whatever else an agent gives up for is trouble.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/channel/channel.h"

namespace bioscope {

class GuestLog {
 public:
  explicit GuestLog(std::size_t traces) : reports_(traces) {}

  // Takes the next bytes of the channel.
  void feed(std::string_view bytes);

  bool done() const { return done_; }                      // the agent said its last word
  bool unfit() const { return unfit_; }                    // by G3
  const std::string& trouble() const { return trouble_; }  // by G2, or the agent's own words
  const std::optional<Greeting>& greeting() const { return greeting_; }
  std::optional<std::size_t> in_progress() const { return in_progress_; }
  // Of trace `index`; nothing if it has not ended.
  const std::optional<TraceReport>& report(std::size_t index) const { return reports_[index]; }

 private:
  void take(const Frame& frame);
  void begin(std::span<const u8> payload);
  void end(std::span<const u8> payload);
  void leave(const std::string& text);

  FrameReader reader_;
  std::optional<Greeting> greeting_;
  std::optional<std::size_t> in_progress_;
  std::optional<std::size_t> last_ended_;
  std::vector<std::optional<TraceReport>> reports_;
  bool done_ = false;
  bool unfit_ = false;
  std::string trouble_;
};

}  // namespace bioscope
