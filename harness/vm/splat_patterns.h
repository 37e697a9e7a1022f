// SPDX-License-Identifier: Apache-2.0
// The lines that the scan of the console looks for.
#pragma once

#include <span>
#include <string_view>

namespace bioscope {

struct SplatPattern {
  enum class Shape {
    Line,        // one line says it all
    Stack,       // a stack follows
    IoError,     // one line; expected where a trace makes I/O fail
    AfterTraces  // one line; counts from the first trace on, since loading modules prints it too
  };
  std::string_view category;
  std::string_view text;  // what the line has to contain
  Shape shape = Shape::Stack;
};

// Ordered: of several that match a line the first one names it.
std::span<const SplatPattern> splat_patterns();

// Whether a function in a stack trace is a helper of reporting or of waiting, which says nothing
// about whose fault it is.
bool is_helper_function(std::string_view function);

}  // namespace bioscope
