// SPDX-License-Identifier: Apache-2.0
// What era_map() asks of each write: was the block written in this era already (struct writeset:
// the bits in memory).
#pragma once

#include <atomic>
#include <memory>

#include "models/base/types.h"

namespace bioscope::dm {

// marked() may be called while another thread marks; resize() and clear() may not meet either.
class Writeset {
 public:
  // `bits` bits, all clear. ENOMEM.
  [[nodiscard]] int resize(u32 bits);

  void clear();

  // False beyond the end.
  bool marked(u32 bit) const {
    return bit < bits_ && (words_[bit / 64].load(std::memory_order_relaxed) >> bit % 64 & 1) != 0;
  }

  // REQUIRES: bit < bits().
  void mark(u32 bit) { words_[bit / 64].fetch_or(u64{1} << bit % 64, std::memory_order_relaxed); }

  u32 bits() const { return bits_; }

 private:
  std::size_t words() const { return (std::size_t{bits_} + 63) / 64; }

  std::unique_ptr<std::atomic<u64>[]> words_;
  u32 bits_ = 0;
};

}  // namespace bioscope::dm
