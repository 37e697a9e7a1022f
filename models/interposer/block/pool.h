// SPDX-License-Identifier: Apache-2.0
// Memory for bios and requests: a list of free blocks for each thread and type.
//
// Invariants:
//   O1  A block holds nothing of its former life: whoever takes it constructs a T in it. So runs of
//       a simulation are the same whatever ran before.
//   O2  Under a sanitizer each block is memory of its own, so that a use after the end is seen. It
//       is also kept on a list of those in use: a run that is stopped leaves bios behind that
//       nobody can end any more, which are no leaks.
//   O3  Where defects can be planted, what is given back stays for a while all the same: a defect
//       may touch an ended bio, and it is for the checks to find it, not for the sanitizer.
// Thread-safe: a block may be given back by another thread than the one that took it.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "models/base/types.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BIOSCOPE_POOL_OFF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BIOSCOPE_POOL_OFF 1
#endif
#endif

namespace bioscope::blk {

void* tracked_new(std::size_t bytes);
void tracked_delete(void* block);

template <typename T>
class Pool {
 public:
  static T* make() { return new (take()) T; }

  static void destroy(T* object) {
    std::destroy_at(object);
    give(object);
  }

 private:
  static_assert(alignof(T) <= alignof(std::max_align_t));
  static constexpr u32 kMaxFree = 1024;

  struct Free {
    Free* next;
  };
  struct List {
    Free* first;
    u32 count;
  };
  // Frees the list when its thread ends. Apart from it, so that the list itself needs no guard.
  struct Reaper {
    ~Reaper() {
      while (list_.first != nullptr) ::operator delete(pop());
      list_.count = kMaxFree;  // what this thread still gives back goes to the allocator
    }
  };

  static void* pop() {
    Free* block = list_.first;
    list_.first = block->next;
    --list_.count;
    return block;
  }

#ifdef BIOSCOPE_POOL_OFF
  static void* take() { return tracked_new(sizeof(T)); }
  static void give(void* block) { tracked_delete(block); }
#else
  static void* take() {
    if (list_.first != nullptr) [[likely]]
      return pop();
    return ::operator new(sizeof(T));
  }
  static void give(void* memory) {
    if (list_.count >= kMaxFree) return ::operator delete(memory);
    if (list_.count == 0) {
      thread_local const Reaper reaper;
      (void)reaper;
    }
    list_.first = new (memory) Free{list_.first};
    ++list_.count;
  }
#endif

  static thread_local constinit List list_;
};

template <typename T>
thread_local constinit typename Pool<T>::List Pool<T>::list_{};

}  // namespace bioscope::blk
