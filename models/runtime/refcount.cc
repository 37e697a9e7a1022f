// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/refcount.h"

#include "models/runtime/run.h"

namespace bioscope::rt {

void Refcount::inc() {
  if (value_.fetch_add(1) == 0) fail("refcount_t: addition on 0; use-after-free");
}

bool Refcount::inc_not_zero() {
  return value_.fetch_update([](u32 value) { return value == 0 ? 0 : value + 1; }) != 0;
}

bool Refcount::dec_and_test() {
  const u32 before = value_.fetch_update([](u32 value) { return value == 0 ? 0 : value - 1; });
  if (before == 0) fail("refcount_t: underflow; use-after-free");
  return before == 1;
}

}  // namespace bioscope::rt
