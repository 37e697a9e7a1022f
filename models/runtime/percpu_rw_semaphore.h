// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/runtime/storage.h"

namespace bioscope::rt {

// The kernel's percpu_rw_semaphore (kernel/locking/percpu-rwsem.c): cheap to read, dear to write.
// A writer first blocks new readers, then waits for those inside; down_read_trylock() fails as soon
// as a writer blocks, even while readers are still inside. A read side may be released by another
// thread than the one that took it.
class PercpuRwSemaphore {
 public:
  explicit PercpuRwSemaphore(const char* name = "percpu_rw_semaphore");
  ~PercpuRwSemaphore();
  PercpuRwSemaphore(const PercpuRwSemaphore&) = delete;
  PercpuRwSemaphore& operator=(const PercpuRwSemaphore&) = delete;

  void down_read();
  [[nodiscard]] bool down_read_trylock();
  void up_read();
  void down_write();
  void up_write();

 private:
  Storage<64> state_;
};

}  // namespace bioscope::rt
