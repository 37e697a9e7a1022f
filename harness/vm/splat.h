// SPDX-License-Identifier: Apache-2.0
// Reads a guest's console for what a sound kernel never prints. The console is the truth, and the
// scan fails closed: a console that is missing, cut short or has lost messages is not judged, and
// what was not judged has not passed.
//
// The agent prints, through /dev/kmsg, `bioscope: trace NAME begin` and `bioscope: trace NAME end`;
// a splat belongs to the trace in progress.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bioscope {

// A line that is allowed to appear, with the reason why. Written down in a file, never in code.
struct Allowance {
  enum class Scope {
    Always,
    HeldRequests  // only while a trace is in progress that holds requests back
  };
  std::string pattern = {};  // a part of the line
  std::string reason = {};
  std::string link = {};
  std::string expiry = {};  // YYYY-MM-DD: the last day on which it counts
  Scope scope = Scope::Always;
};

struct Splat {
  std::string category;  // "KASAN", "hung task", ...; the names are in splat_categories()
  std::size_t line = 0;  // of the console, from 1
  std::string headline;  // without the time in front of it
  std::string symbol;    // the function to blame: that of RIP, else the first that is no helper
  std::string trace;     // in progress; empty before the first and between two
  std::size_t play = 0;  // the how-manieth trace of that name it is in this console, from 0
  std::vector<std::string> block;        // the headline and what belongs to it, as printed
  std::optional<std::size_t> allowance;  // index of the entry that allows it
  bool allowance_expired = false;        // an entry matches, but its day is over
  bool is_allowed() const { return allowance.has_value() && !allowance_expired; }
};

struct SplatPolicy {
  std::vector<Allowance> allowances = {};
  std::string today = {};  // YYYY-MM-DD
  // Traces of one name may be played more than once, and each play is one of its own.
  using TracePlay = std::pair<std::string, std::size_t>;  // as Splat::trace and Splat::play
  std::set<TracePlay> traces_that_hold = {};              // for Allowance::Scope::HeldRequests
  std::set<TracePlay> traces_that_fail_io = {};  // here an I/O error is what the trace asked for
};

struct ConsoleScan {
  bool judged = false;
  std::string why_not;        // one sentence, if not judged
  std::vector<Splat> splats;  // all, the allowed ones too, in the order of the console

  // The first splat that nothing allows, if any.
  const Splat* first_unallowed() const;
};

ConsoleScan scan_console(std::string_view console, const SplatPolicy& policy);

// Every category the scan knows.
std::vector<std::string_view> splat_categories();

}  // namespace bioscope
