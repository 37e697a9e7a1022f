// SPDX-License-Identifier: Apache-2.0
// The binary twin of a trace: versioned and total. Every byte string decodes to a legal trace, so
// a fuzzer's input is always a trace; decode(encode(t)) == t for a legal t.
#pragma once

#include <span>
#include <vector>

#include "models/base/hash.h"
#include "models/trace/trace.h"

namespace bioscope {

inline constexpr u8 kTraceCodecVersion = 1;

std::vector<u8> encode_trace(const Trace& trace);

// Never fails. What lies outside a field's range is mapped into it, what is missing at the end is
// left out, and the whole is made legal by normalize().
Trace decode_trace(std::span<const u8> bytes);

// Identity of a trace.
Hash hash_of(const Trace& trace);

}  // namespace bioscope
