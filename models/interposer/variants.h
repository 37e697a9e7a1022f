// SPDX-License-Identifier: Apache-2.0
// The defects that can be switched on in the reference, in one place: those of the posted patches
// (D-a .. D-r of the design's notes), v8 and v9 as sets of them, and mutants. Off by default.
//
// In the builds `plain` and `os` planted() is a constant false and the code vanishes; only the
// build `variants` has the switches. A place in the code reads
//     if (!planted(Defect::SplitIgnoresChunk)) limit = std::min(limit, to_chunk_end);
// The set belongs to the thread: set it before a run, keep it until the run has ended.
#pragma once

#include <bitset>
#include <span>
#include <string_view>

#include "models/base/types.h"

namespace bioscope {

enum class Defect : u16 {
#define BIOSCOPE_DEFECT(identifier, name, rule, where, what) identifier,
#include "models/interposer/defects.inc"
#undef BIOSCOPE_DEFECT
  Count,
};

inline constexpr std::size_t kDefects = static_cast<std::size_t>(Defect::Count);
using DefectSet = std::bitset<kDefects>;

struct DefectInfo {
  Defect defect{};
  std::string_view name;   // "D-a", or a mutant's: "split-ignores-chunk"
  std::string_view rule;   // what it breaks: "P2", "R41"
  std::string_view where;  // block, dm, or the target type
  std::string_view what;   // one sentence
};

std::span<const DefectInfo> defect_table();
// A defect's name, or v8, v9: the sets as posted. Empty: there is no such variant.
DefectSet find_variant(std::string_view name);

#ifdef BIOSCOPE_VARIANTS
extern thread_local DefectSet planted_defects;
inline bool planted(Defect defect) {
  return planted_defects[static_cast<std::size_t>(defect)];
}
#else
constexpr bool planted(Defect) {
  return false;
}
#endif

}  // namespace bioscope
