// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/ring.h"

#include <fmt/format.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

namespace bioscope {

Result<Ring> Ring::create() {
  Ring ring;
  const int error = io_uring_queue_init(4, &ring.ring_, 0);
  if (error != 0) {
    return could_not_judge(fmt::format(
        "io_uring does not work in the guest ({}); it needs CONFIG_IO_URING", strerror(-error)));
  }
  ring.live_ = true;
  // One worker, so that what is queued behind a request runs after the kernel has put the request
  // away (see settle()). There is never more than one request in a ring.
  unsigned workers[2] = {1, 1};
  if (io_uring_register_iowq_max_workers(&ring.ring_, workers) != 0) {
    return could_not_judge("io_uring in the guest cannot bound its workers; it needs Linux 5.15");
  }
  return ring;
}

Ring::Ring(Ring&& other) noexcept
    : ring_(other.ring_),
      on_submitted_(std::move(other.on_submitted_)),
      live_(std::exchange(other.live_, false)) {}

Ring::~Ring() {
  if (live_) io_uring_queue_exit(&ring_);
}

io_uring_sqe* Ring::next() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  assert(entry != nullptr && "one request at a time");
  return entry;
}

int Ring::submit() {
  int submitted = 0;
  do {
    submitted = io_uring_submit(&ring_);
  } while (submitted == -EINTR || submitted == -EAGAIN);
  return submitted;
}

int Ring::reap() {
  io_uring_cqe* completion = nullptr;
  int error = 0;
  do {
    error = io_uring_wait_cqe(&ring_, &completion);
  } while (error == -EINTR);
  if (error != 0) return error;
  const int result = completion->res;
  io_uring_cqe_seen(&ring_, completion);
  return result;
}

int Ring::complete() {
  if (const int submitted = submit(); submitted < 0) return submitted;
  if (on_submitted_) on_submitted_();
  const int result = reap();
  settle();
  return result;
}

// What a device without NOWAIT support is asked, the kernel's io-wq worker performs. It posts the
// completion first and drops its reference on the file afterwards: the node would stay open for a
// moment after the operation returned, and a remove would find it busy. An empty request behind it
// completes when that is over.
void Ring::settle() {
  io_uring_sqe* entry = next();
  io_uring_prep_nop(entry);
  entry->flags |= IOSQE_ASYNC;
  if (submit() >= 0) reap();
}

int Ring::read(int fd, std::span<u8> bytes, u64 offset_bytes, int flags) {
  io_uring_sqe* entry = next();
  io_uring_prep_read(entry, fd, bytes.data(), static_cast<unsigned>(bytes.size()), offset_bytes);
  entry->rw_flags = flags;
  return complete();
}

int Ring::write(int fd, std::span<const u8> bytes, u64 offset_bytes, int flags) {
  io_uring_sqe* entry = next();
  io_uring_prep_write(entry, fd, bytes.data(), static_cast<unsigned>(bytes.size()), offset_bytes);
  entry->rw_flags = flags;
  return complete();
}

int Ring::sync(int fd) {
  io_uring_prep_fsync(next(), fd, 0);
  return complete();
}

int Ring::fallocate(int fd, int mode, u64 offset_bytes, u64 length_bytes) {
  io_uring_prep_fallocate(next(), fd, mode, static_cast<off_t>(offset_bytes),
                          static_cast<off_t>(length_bytes));
  return complete();
}

}  // namespace bioscope
