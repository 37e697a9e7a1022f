// SPDX-License-Identifier: Apache-2.0
// The text twin of a trace. The grammar is in docs/TRACE.md.
#pragma once

#include <string>
#include <string_view>

#include "models/base/result.h"
#include "models/trace/trace.h"

namespace bioscope {

inline constexpr std::string_view kTraceMagic = "bioscope-trace";  // then a blank and the version

// An Error is BadInput and reads "SOURCE:LINE:COLUMN: expected ..., got ...". `source` is what
// the text is called: a file's name. Whatever parses is legal (check.h).
Result<Trace> parse_trace(std::string_view text, std::string_view source);

// REQUIRES: a legal trace. parse_trace(print_trace(t)) == t.
std::string print_trace(const Trace& trace);

// One operation as its line says it, without its lane: "r1: async read snap 0+8".
std::string print_operation(const Operation& operation);

}  // namespace bioscope
