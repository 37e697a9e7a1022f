// SPDX-License-Identifier: Apache-2.0
// Names the place of a hang or a splat, so that the same bug has the same signature in every run.
#pragma once

#include <string>
#include <string_view>

namespace bioscope {

// The innermost kernel symbol of `stack` that tells something: waiting, scheduling, system call
// entry and report functions are passed over, and so are the unreliable entries ("? symbol"). A
// line "RIP: 0010:symbol" comes first. Compiler suffixes (.isra.0, .constprop.0, .part.0, .cold)
// are taken off. Takes console text with or without timestamps, and /proc/PID/stack. Empty if there
// is no such symbol.
std::string telling_place(std::string_view stack);

}  // namespace bioscope
