// SPDX-License-Identifier: Apache-2.0
// How far a run is: one line, redrawn, on a terminal; elsewhere a plain line every tenth, and when
// the note changes.
#pragma once

#include <functional>
#include <mutex>
#include <ostream>
#include <string>

#include "models/base/types.h"

namespace bioscope {

struct ProgressWords {
  std::string things = "traces";
  std::string rest = "about";  // "at most" where `total` is only a bound
};

// Thread-safe. Never part of a report: all of it depends on time.
class Progress {
 public:
  // `seconds` gives the time since some fixed point. REQUIRES: `out` outlives this object.
  Progress(std::ostream& out, bool terminal, u64 total, std::function<double()> seconds,
           ProgressWords words = {});

  void advance(u64 done_more);
  void found();                 // one more finding
  void note(std::string text);  // stands in the line from now on

  // Takes the redrawn line away, so that what follows starts on an empty one.
  void finish();

 private:
  void draw(bool must = false);

  std::mutex mutex_;
  std::ostream& out_;
  const bool terminal_;
  const u64 total_;
  const std::function<double()> seconds_;
  const ProgressWords words_;
  const double start_;
  u64 done_ = 0;
  u64 found_ = 0;
  std::string note_;
  u64 printed_tenth_ = 0;
};

// "2:05" or "9 s".
std::string duration_text(double seconds);

}  // namespace bioscope
