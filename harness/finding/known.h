// SPDX-License-Identifier: Apache-2.0
// Known findings: bugs of the kernel that are written down with reason, link and expiry. A finding
// that matches an entry is reported as known and does not fail the gate; an expired entry does. The
// file is suites/known-findings.json:
//     {"about": "..", "known": [{"rule": "hang", "target": "era", "operation": "", "place": "",
//       "trace": "known/era.trace", "reason": "..", "link": "..", "expiry": "2027-12-31"}]}
// Rule, target, operation and place are those of a signature; an empty one matches anything, but
// the rule has to be named. The same signature on another trace is another finding.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/finding/finding.h"
#include "models/base/result.h"

namespace bioscope {

struct KnownFinding {
  std::string rule;
  std::string target;
  std::string operation;
  std::string place;
  std::string trace;  // the trace that shows it, as a path below suites/; '*' and '?' as in a shell
  std::string reason;
  std::string link;
  std::string expiry;  // YYYY-MM-DD, the last day on which it holds

  // Of a trace name without a folder only the last part of `trace` is asked for.
  bool matches(const Signature& found, const std::string& trace_name) const;
  // `today` as YYYY-MM-DD.
  bool expired(std::string_view today) const { return today > expiry; }
};

// "hang/era/*/*"
std::string to_text(const KnownFinding& entry);

// Bad input: no such form, a key that is missing, unknown or empty though it must not be, a date
// that is none; the message names `source` and the entry.
Result<std::vector<KnownFinding>> parse_known_findings(std::string_view json,
                                                       const std::string& source);

// A file that does not exist is bad input too: known findings are never silently left out.
Result<std::vector<KnownFinding>> read_known_findings(const std::filesystem::path& path);

}  // namespace bioscope
