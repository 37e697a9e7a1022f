// SPDX-License-Identifier: Apache-2.0
// Which of two traces is the smaller one: a total order, so that a shrink ends and its result does
// not depend on luck.
#pragma once

#include <array>
#include <compare>

#include "models/trace/trace.h"

namespace bioscope {

// What a person has to read first: each term decides only between traces that are equal in those
// before it.
enum class MeasureTerm : u8 {
  Operations,
  Lanes,
  Disks,
  DiskSteps,
  Flags,    // flags, async, optional fields, edges and ranges of steps, what a disk has besides
            // its size, lines of tables, choices
  Sectors,  // that the operations ask for
  Numbers,  // sum of sizes of disks, first sectors, other numbers, numbers in tables; saturates
};
inline constexpr std::size_t kMeasureTerms = 7;

using Measure = std::array<u64, kMeasureTerms>;

// Pure.
Measure measure_of(const Trace& trace);

// By measure, then the length of the text form, then the text itself. Equal means equal traces.
std::strong_ordering compare_size(const Trace& left, const Trace& right);

}  // namespace bioscope
