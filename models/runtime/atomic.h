// SPDX-License-Identifier: Apache-2.0
// Atomics. sim: each operation is a scheduling point that declares its object. Always sequentially
// consistent: weaker orders are not modelled, so they cannot be asked for.
#pragma once

#include <atomic>
#include <utility>

#include "models/base/types.h"

namespace bioscope::rt {

enum class Access : u8 { Read, Write };  // two accesses conflict unless both only read

struct AtomicObject {
  const char* name = "atomic";
  u32 number = 0;
};

// The linked runtime's: the number of a new object, and what comes before each access.
u32 next_object_number();
void before_access(const AtomicObject& object, Access access);

template <typename T>
class Atomic {
 public:
  explicit Atomic(T value = T{}, const char* name = "atomic")
      : object_{name, next_object_number()}, value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load() const {
    before_access(object_, Access::Read);
    return value_.load();
  }
  void store(T value) {
    before_access(object_, Access::Write);
    value_.store(value);
  }
  T exchange(T value) {
    before_access(object_, Access::Write);
    return value_.exchange(value);
  }
  // True when it was `expected` and is `desired` now; otherwise `expected` is what it was.
  bool compare_exchange(T& expected, T desired) {
    before_access(object_, Access::Write);
    return value_.compare_exchange_strong(expected, desired);
  }
  T fetch_add(T value) {
    before_access(object_, Access::Write);
    return value_.fetch_add(value);
  }
  T fetch_sub(T value) {
    before_access(object_, Access::Write);
    return value_.fetch_sub(value);
  }
  T fetch_or(T value) {
    before_access(object_, Access::Write);
    return value_.fetch_or(value);
  }
  T fetch_and(T value) {
    before_access(object_, Access::Write);
    return value_.fetch_and(value);
  }
  // In one step: value = next(value). Returns what it was. `next` may be called again.
  template <typename Next>
  T fetch_update(Next&& next) {
    before_access(object_, Access::Write);
    T old = value_.load();
    while (!value_.compare_exchange_weak(old, next(std::as_const(old)))) {
    }
    return old;
  }

 private:
  AtomicObject object_;
  std::atomic<T> value_;
};

}  // namespace bioscope::rt
