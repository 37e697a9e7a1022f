// SPDX-License-Identifier: Apache-2.0
// One stack and its context, and the switch between two of them that sanitizers can follow.
#pragma once

#include <cstddef>
#include <vector>

#include "models/base/types.h"

namespace bioscope::rt::sim {

// The bounds are null for the stack of the calling thread until somebody has switched away from it.
struct Stack {
  std::byte* bottom = nullptr;
  std::size_t bytes = 0;
  void* tsan_fiber = nullptr;
};

// What a suspended fiber is resumed by.
struct Context {
  void* registers = nullptr;  // fcontext_t
  void (*entry)() = nullptr;  // of a fiber that has not run yet
  void* asan_fake_stack = nullptr;
  Stack stack;
};

// Sets `context` up to call entry() on its stack when it is first switched to. entry() must
// call arrived() first and end in leave().
void prepare(Context& context, void (*entry)());

// Suspends `from`, which runs, and resumes `to`. Returns when somebody switches to `from`.
void switch_fiber(Context& from, Context& to);

// The first thing on a new stack.
void arrived();

// As switch_fiber(), for good: the stack of `from` may be reused by prepare().
[[noreturn]] void leave(Context& from, Context& to);

// Prepares the context of the calling thread.
void adopt_thread(Context& context);

// Stacks with a guard page below each. Not thread-safe.
class StackPool {
 public:
  explicit StackPool(std::size_t stack_bytes);
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  Stack take();
  void give_back(Stack stack) { spare_.push_back(stack); }

 private:
  std::size_t stack_bytes_;
  std::vector<Stack> spare_;
};

}  // namespace bioscope::rt::sim
