// SPDX-License-Identifier: Apache-2.0
// One io_uring for one submitting thread, on one registered file and one registered buffer.
#pragma once

#include <liburing.h>

#include <atomic>
#include <memory>
#include <span>

#include "models/base/result.h"
#include "models/runtime/disk.h"

namespace bioscope::rt::os {

// submit() belongs to one thread, reap() to another.
class Ring {
 public:
  // `buffer` may be empty. One that cannot be registered (RLIMIT_MEMLOCK) is used unregistered.
  static Result<std::unique_ptr<Ring>> open(int file, u32 depth, std::span<u8> buffer);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Waits while `depth` requests are under way, so that no completion can overflow. Calls done()
  // at once when the ring is broken.
  void submit(DiskIo& io);

  // Calls done() of what has completed.
  void reap();

  int event() const { return event_; }  // an eventfd, readable when there is something to reap
  bool buffer_registered() const { return !buffer_.empty(); }

 private:
  Ring() = default;
  void prepare(io_uring_sqe& entry, const DiskIo& io) const;

  io_uring ring_{};
  bool opened_ = false;
  int event_ = -1;
  u32 depth_ = 0;
  std::span<u8> buffer_;
  bool broken_ = false;
  // Also orders what the submitter wrote before what the reaper does with it.
  std::atomic<u32> in_flight_{0};
};

}  // namespace bioscope::rt::os
