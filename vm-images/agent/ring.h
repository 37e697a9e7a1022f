// SPDX-License-Identifier: Apache-2.0
// One io_uring of one thread. The thread that submits is the one that waits: the kernel posts a
// completion in the context of the submitter, so a ring that another thread had submitted to would
// stay silent while that thread is blocked in an ioctl.
#pragma once

#include <liburing.h>

#include <functional>
#include <span>
#include <utility>

#include "models/base/result.h"
#include "models/base/types.h"

namespace bioscope {

// Owned by one thread.
class Ring {
 public:
  static Result<Ring> create();
  Ring(Ring&& other) noexcept;
  Ring& operator=(Ring&&) = delete;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  // Called after each submission, before its completion is waited for.
  void on_submitted(std::function<void()> call) { on_submitted_ = std::move(call); }

  // Each returns what the system call would: bytes, 0, or a negative errno. `flags`: RWF_*.
  int read(int fd, std::span<u8> bytes, u64 offset_bytes, int flags);
  int write(int fd, std::span<const u8> bytes, u64 offset_bytes, int flags);
  int sync(int fd);
  int fallocate(int fd, int mode, u64 offset_bytes, u64 length_bytes);

 private:
  Ring() = default;
  io_uring_sqe* next();
  int submit();
  int reap();
  int complete();
  void settle();

  io_uring ring_{};
  std::function<void()> on_submitted_;
  bool live_ = false;
};

}  // namespace bioscope
