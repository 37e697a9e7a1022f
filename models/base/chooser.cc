// SPDX-License-Identifier: Apache-2.0
#include "models/base/chooser.h"

#include <cassert>

#include "models/base/hash.h"

namespace bioscope {
namespace {

constexpr u64 kGolden = 0x9e3779b97f4a7c15ULL;  // SplitMix64's increment

}  // namespace

Chooser::Chooser(u64 seed) {
  restart(seed);
}

void Chooser::restart(u64 seed) {
  for (std::size_t kind = 0; kind < kChoiceKinds; ++kind) {
    Stream& s = streams_[kind];
    s.state = mix64(seed + kGolden * (kind + 1));
    s.prescribed.clear();
    s.taken.clear();
  }
}

void Chooser::prescribe(ChoiceKind kind, std::span<const u32> choices) {
  stream(kind).prescribed.assign(choices.begin(), choices.end());
}

u32 Chooser::pick(ChoiceKind kind, u64 site, u32 n) {
  assert(n > 0);
  Stream& s = stream(kind);
  u32 choice = 0;
  if (s.taken.size() < s.prescribed.size()) {
    choice = s.prescribed[s.taken.size()] % n;
  } else {
    s.state += kGolden;
    const u64 random = mix64(s.state ^ mix64(site));
    choice = static_cast<u32>((static_cast<unsigned __int128>(random) * n) >> 64);
  }
  s.taken.push_back(choice);
  return choice;
}

const std::vector<u32>& Chooser::taken(ChoiceKind kind) const {
  return streams_[static_cast<std::size_t>(kind)].taken;
}

}  // namespace bioscope
