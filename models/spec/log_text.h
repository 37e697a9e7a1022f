// SPDX-License-Identifier: Apache-2.0
// The text of a log-dump (docs/TRACE.md), read and written. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/trace/history.h"

namespace bioscope::spec {

enum class LoggedKind : u8 { Write, Discard, Flush, Mark };

struct LoggedEntry {
  LoggedKind kind = LoggedKind::Write;
  Range range;  // of the logged device
  bool fua = false;
  bool meta = false;
  std::string mark;
  SectorRuns data;  // of a write
  bool operator==(const LoggedEntry&) const = default;
};

// Nothing if the text is none, or counts other entries than it has, or an entry's data is not as
// long as its range. `seed` goes into the stamps.
std::optional<std::vector<LoggedEntry>> parse_log(std::string_view text, u64 seed);
std::string print_log(const std::vector<LoggedEntry>& entries);

// The mark that a message puts: "mark NAME", where a backslash keeps what follows it within the
// word (dm_split_args). Nothing: another message.
std::optional<std::string> mark_of_message(std::string_view message);

}  // namespace bioscope::spec
