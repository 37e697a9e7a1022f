// SPDX-License-Identifier: Apache-2.0
// Ctrl-C as something that can be waited for together with files: raised once, seen by all.
#pragma once

#include <atomic>

namespace bioscope {

// Make one before anything runs, raise it from the handler of SIGINT and SIGTERM. raise() may be
// called in a signal handler and from any thread; it is never taken back.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  void raise() noexcept;
  bool raised() const noexcept { return raised_.load(std::memory_order_relaxed); }
  int fd() const noexcept { return fd_; }  // readable once raised

 private:
  std::atomic<bool> raised_ = false;
  int fd_ = -1;
};

}  // namespace bioscope
