// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/runtime/storage.h"

namespace bioscope::rt {

// The kernel's rw_semaphore. A reader that arrives while a writer waits queues behind it: to read
// recursively is a deadlock as soon as a writer comes between.
class RwSemaphore {
 public:
  explicit RwSemaphore(const char* name = "rw_semaphore");
  ~RwSemaphore();
  RwSemaphore(const RwSemaphore&) = delete;
  RwSemaphore& operator=(const RwSemaphore&) = delete;

  void down_read();
  [[nodiscard]] bool down_read_trylock();
  void up_read();
  void down_write();
  [[nodiscard]] bool down_write_trylock();
  void up_write();
  // From writer to reader, with no writer between.
  void downgrade_write();

 private:
  Storage<192> state_;
};

// For the length of a scope; also of a PercpuRwSemaphore.
template <typename Semaphore>
class ReadGuard {
 public:
  explicit ReadGuard(Semaphore& semaphore) : semaphore_(semaphore) { semaphore_.down_read(); }
  ~ReadGuard() { semaphore_.up_read(); }
  ReadGuard(const ReadGuard&) = delete;
  ReadGuard& operator=(const ReadGuard&) = delete;

 private:
  Semaphore& semaphore_;
};

template <typename Semaphore>
class WriteGuard {
 public:
  explicit WriteGuard(Semaphore& semaphore) : semaphore_(semaphore) { semaphore_.down_write(); }
  ~WriteGuard() { semaphore_.up_write(); }
  WriteGuard(const WriteGuard&) = delete;
  WriteGuard& operator=(const WriteGuard&) = delete;

 private:
  Semaphore& semaphore_;
};

}  // namespace bioscope::rt
