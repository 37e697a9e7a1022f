// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/sim/fiber_switch.h"

#include <sys/mman.h>
#include <unistd.h>

#include <boost/context/detail/fcontext.hpp>
#include <cassert>
#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BIOSCOPE_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define BIOSCOPE_TSAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define BIOSCOPE_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define BIOSCOPE_TSAN 1
#endif

#ifdef BIOSCOPE_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef BIOSCOPE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace bioscope::rt::sim {
namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

// The context that was left by the latest jump: its registers are known only on the other side.
thread_local Context* left = nullptr;

// Inlined: ThreadSanitizer would count a function that is entered on one fiber and left on another.
[[gnu::always_inline]] inline void before_switch([[maybe_unused]] void** fake_stack,
                                                 [[maybe_unused]] const Context& to) {
#ifdef BIOSCOPE_ASAN
  __sanitizer_start_switch_fiber(fake_stack, to.stack.bottom, to.stack.bytes);
#endif
#ifdef BIOSCOPE_TSAN
  __tsan_switch_to_fiber(to.stack.tsan_fiber, 0);
#endif
}

[[gnu::always_inline]] inline void after_switch([[maybe_unused]] void* fake_stack) {
#ifdef BIOSCOPE_ASAN
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &bottom, &bytes);
  // Only the sanitizer knows the bounds of a thread's own stack.
  if (left->stack.bottom == nullptr) {
    left->stack.bottom = const_cast<std::byte*>(static_cast<const std::byte*>(bottom));
    left->stack.bytes = bytes;
  }
#endif
}

void enter(transfer_t transfer) {
  left->registers = transfer.fctx;
  reinterpret_cast<void (*)()>(transfer.data)();
  std::abort();  // entry() ends in leave()
}

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

void prepare(Context& context, void (*entry)()) {
  Stack& stack = context.stack;
  context.registers = make_fcontext(stack.bottom + stack.bytes, stack.bytes, &enter);
  context.asan_fake_stack = nullptr;
  context.entry = entry;
#ifdef BIOSCOPE_TSAN
  if (stack.tsan_fiber != nullptr) __tsan_destroy_fiber(stack.tsan_fiber);
  stack.tsan_fiber = __tsan_create_fiber(0);
#endif
}

void switch_fiber(Context& from, Context& to) {
  before_switch(&from.asan_fake_stack, to);
  left = &from;
  const transfer_t transfer = jump_fcontext(to.registers, reinterpret_cast<void*>(to.entry));
  left->registers = transfer.fctx;
  after_switch(from.asan_fake_stack);
}

void arrived() {
  after_switch(nullptr);
}

void leave(Context& from, Context& to) {
  before_switch(nullptr, to);
  left = &from;
  jump_fcontext(to.registers, reinterpret_cast<void*>(to.entry));
  std::abort();
}

void adopt_thread([[maybe_unused]] Context& context) {
  context = Context{};
#ifdef BIOSCOPE_TSAN
  context.stack.tsan_fiber = __tsan_get_current_fiber();
#endif
}

StackPool::StackPool(std::size_t stack_bytes)
    : stack_bytes_((stack_bytes + page_bytes() - 1) / page_bytes() * page_bytes()) {}

StackPool::~StackPool() {
  for (const Stack& stack : spare_) {
#ifdef BIOSCOPE_TSAN
    if (stack.tsan_fiber != nullptr) __tsan_destroy_fiber(stack.tsan_fiber);
#endif
    munmap(stack.bottom - page_bytes(), stack.bytes + page_bytes());
  }
}

Stack StackPool::take() {
  if (!spare_.empty()) {
    const Stack stack = spare_.back();
    spare_.pop_back();
    return stack;
  }
  void* memory = mmap(nullptr, stack_bytes_ + page_bytes(), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, page_bytes(), PROT_NONE);
  return {static_cast<std::byte*>(memory) + page_bytes(), stack_bytes_, nullptr};
}

}  // namespace bioscope::rt::sim
