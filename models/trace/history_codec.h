// SPDX-License-Identifier: Apache-2.0
// The binary form of a history, version 2. Strict: what is not a history is refused, with the
// offset at which it stopped being one.
//   "bioh" version u8, trace hash, capabilities, end, note, events, leftovers, hops
#pragma once

#include <span>
#include <vector>

#include "models/base/result.h"
#include "models/trace/history.h"

namespace bioscope {

inline constexpr u8 kHistoryVersion = 2;

std::vector<u8> encode_history(const History& history);
Result<History> decode_history(std::span<const u8> bytes);

}  // namespace bioscope
