// SPDX-License-Identifier: Apache-2.0
// Everything random in bioscope comes from a Chooser, so that the same seed is the same run, on
// every machine, for ever. A chooser answers first from the choices that a trace carries, and
// from a seeded generator when these are used up. The generator (SplitMix64) and its mapping to
// a range are our own: std:: distributions differ between libraries.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "models/base/types.h"

namespace bioscope {

// One independent stream for each kind: a further choice of one kind never shifts another.
enum class ChoiceKind : u8 { Schedule, Fault, Crash, Generate };
inline constexpr std::size_t kChoiceKinds = 4;

// Not thread-safe: one owner, or a lock around it.
class Chooser {
 public:
  explicit Chooser(u64 seed);

  // As a new Chooser(seed), without giving its memory back: for those who run many.
  void restart(u64 seed);

  // Sets what is answered first for `kind`. A recorded choice is taken modulo n.
  void prescribe(ChoiceKind kind, std::span<const u32> choices);

  // REQUIRES: n > 0. Returns a value in [0, n). `site` names the place that asks (the same
  // place, the same number): it enters the generator, so two sites with equal streams differ.
  u32 pick(ChoiceKind kind, u64 site, u32 n);

  // True with probability `percent` / 100.
  bool chance(ChoiceKind kind, u64 site, u32 percent) { return pick(kind, site, 100) < percent; }

  // Every answer given so far for `kind`, in order: prescribing them to another chooser makes
  // the same run whatever its seed.
  const std::vector<u32>& taken(ChoiceKind kind) const;

 private:
  struct Stream {
    u64 state = 0;
    std::vector<u32> prescribed;
    std::vector<u32> taken;
  };
  Stream& stream(ChoiceKind kind) { return streams_[static_cast<std::size_t>(kind)]; }

  std::array<Stream, kChoiceKinds> streams_;
};

}  // namespace bioscope
