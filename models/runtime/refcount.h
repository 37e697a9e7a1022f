// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/runtime/atomic.h"

namespace bioscope::rt {

// refcount_t. What the kernel warns of fails the run: an increment from zero, a decrement below.
class Refcount {
 public:
  explicit Refcount(u32 value = 1, const char* name = "refcount") : value_(value, name) {}

  void inc();
  [[nodiscard]] bool inc_not_zero();
  // True: this was the last one.
  [[nodiscard]] bool dec_and_test();
  u32 read() const { return value_.load(); }

 private:
  Atomic<u32> value_;
};

}  // namespace bioscope::rt
