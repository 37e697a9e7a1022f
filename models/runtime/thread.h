// SPDX-License-Identifier: Apache-2.0
// Threads, named as the kernel's tasks are.
#pragma once

#include <string_view>

#include "models/base/types.h"
#include "models/runtime/run.h"
#include "models/runtime/storage.h"

namespace bioscope::rt {

inline constexpr std::size_t kThreadNameBytes = 15;  // TASK_COMM_LEN - 1; longer ones are cut

// One owner at a time may call its members; signal() may be called by anybody.
class Thread {
 public:
  Thread() = default;
  Thread(std::string_view name, Function function);
  ~Thread();  // joins

  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  Thread(Thread&& other) noexcept;
  Thread& operator=(Thread&& other) noexcept;  // REQUIRES: not joinable()

  // Waits until the function has returned. Once; joinable() is false then.
  void join();
  bool joinable() const { return state_ != nullptr; }

  // send_sig: an interruptible wait of the thread, this one or its next, is interrupted.
  // REQUIRES: joinable().
  void signal();

 private:
  void* state_ = nullptr;  // the implementation's
};

// cond_resched(): lets others run.
void yield();

u32 current_thread();  // its number: 1 for main, then in the order of creation

inline constexpr std::size_t kTaskSlots = 4;

// Per-thread pointers, null at the start, as current->bio_list is. thread_local would be shared by
// all simulated threads. REQUIRES: slot < kTaskSlots.
void*& task_slot(std::size_t slot);

}  // namespace bioscope::rt
