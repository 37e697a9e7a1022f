// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "models/runtime/atomic.h"
#include "models/runtime/completion.h"

namespace bioscope::rt {

// The kernel's percpu_ref: one reference is the owner's, until kill(). Thread-safe.
class PercpuRef {
 public:
  using Release = std::move_only_function<void()>;

  // `release` is called by whoever puts the last reference.
  explicit PercpuRef(const char* name = "percpu_ref", Release release = nullptr);

  // REQUIRES: the caller has a reference.
  void get();
  // False: there is none left to share.
  [[nodiscard]] bool tryget();
  // False: killed, though references may be left.
  [[nodiscard]] bool tryget_live();
  void put();

  // Gives the owner's reference back; tryget_live() fails from now on. REQUIRES: not killed.
  void kill();
  // Waits until no reference is left; the caller may destroy this then. REQUIRES: killed.
  void wait_for_zero();
  [[nodiscard]] bool is_dying() const;
  [[nodiscard]] bool is_zero() const;
  u64 references() const;

  // Undoes kill(), whether or not it has come to zero. REQUIRES: killed; nobody waits for zero;
  // no last put is under way.
  void resurrect();

 private:
  Atomic<u64> state_;  // references, and kDying
  Completion zero_;
  Release release_;
};

}  // namespace bioscope::rt
