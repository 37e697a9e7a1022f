// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/os/ring.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/falloc.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bioscope::rt::os {
namespace {

constexpr int kFile = 0;  // the index of the registered file, and of the registered buffer
constexpr int kBuffer = 0;

bool is_transfer(DiskOperation operation) {
  return operation == DiskOperation::Read || operation == DiskOperation::Write;
}

// The error of what completed with `result`: a positive errno. A short transfer is one too.
int error_of(const DiskIo& io, int result) {
  if (result < 0) return -result;
  if (!is_transfer(io.operation)) return 0;
  return static_cast<u64>(result) == io.count_sectors * kSectorBytes ? 0 : EIO;
}

}  // namespace

Result<std::unique_ptr<Ring>> Ring::open(int file, u32 depth, std::span<u8> buffer) {
  std::unique_ptr<Ring> ring(new Ring());
  ring->depth_ = depth;
  ring->event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (ring->event_ < 0) return could_not_judge(fmt::format("eventfd: {}", std::strerror(errno)));
  if (const int error = io_uring_queue_init(depth, &ring->ring_, 0); error < 0) {
    return could_not_judge(fmt::format("io_uring_setup: {}; allow it (kernel.io_uring_disabled=0)",
                                       std::strerror(-error)));
  }
  ring->opened_ = true;
  if (const int error = io_uring_register_files(&ring->ring_, &file, 1); error < 0) {
    return could_not_judge(fmt::format("io_uring_register_files: {}", std::strerror(-error)));
  }
  if (const int error = io_uring_register_eventfd(&ring->ring_, ring->event_); error < 0) {
    return could_not_judge(fmt::format("io_uring_register_eventfd: {}", std::strerror(-error)));
  }
  const iovec registered{buffer.data(), buffer.size()};
  if (!buffer.empty() && io_uring_register_buffers(&ring->ring_, &registered, 1) == 0) {
    ring->buffer_ = buffer;
  }
  return ring;
}

Ring::~Ring() {
  if (opened_) io_uring_queue_exit(&ring_);
  if (event_ >= 0) ::close(event_);
}

void Ring::prepare(io_uring_sqe& entry, const DiskIo& io) const {
  const u64 offset = io.first_sector * kSectorBytes;
  const u64 bytes = io.count_sectors * kSectorBytes;
  switch (io.operation) {
    case DiskOperation::Read:
    case DiskOperation::Write: {
      const bool write = io.operation == DiskOperation::Write;
      const auto* first = static_cast<u8*>(io.segments[0].iov_base);
      const bool fixed = io.segments.size() == 1 && first >= buffer_.data() &&
                         first + bytes <= buffer_.data() + buffer_.size();
      if (fixed) {
        const int operation = write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED;
        io_uring_prep_rw(operation, &entry, kFile, first, static_cast<u32>(bytes), offset);
        entry.buf_index = kBuffer;
      } else {
        const int operation = write ? IORING_OP_WRITEV : IORING_OP_READV;
        io_uring_prep_rw(operation, &entry, kFile, io.segments.data(),
                         static_cast<u32>(io.segments.size()), offset);
      }
      entry.rw_flags = write && io.fua ? RWF_DSYNC : 0;
      break;
    }
    case DiskOperation::Flush:
      io_uring_prep_fsync(&entry, kFile, IORING_FSYNC_DATASYNC);
      break;
    case DiskOperation::Discard:
      io_uring_prep_fallocate(&entry, kFile, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              static_cast<off_t>(offset), static_cast<off_t>(bytes));
      break;
    case DiskOperation::WriteZeroes:
      io_uring_prep_fallocate(&entry, kFile, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                              static_cast<off_t>(offset), static_cast<off_t>(bytes));
      break;
  }
  entry.flags |= IOSQE_FIXED_FILE;
}

void Ring::submit(DiskIo& io) {
  for (u32 seen = in_flight_.load(); seen >= depth_; seen = in_flight_.load()) {
    in_flight_.wait(seen);
  }
  io_uring_sqe* entry = broken_ ? nullptr : io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    io.done(io, EIO);
    return;
  }
  prepare(*entry, io);
  io_uring_sqe_set_data(entry, &io);
  in_flight_.fetch_add(1);
  int submitted = -EINTR;
  while (submitted == -EINTR || submitted == -EAGAIN || submitted == -EBUSY) {
    submitted = io_uring_submit(&ring_);
  }
  if (submitted == 1) return;
  broken_ = true;  // the entry stays in the queue, so the ring is never submitted again
  in_flight_.fetch_sub(1);
  io.done(io, EIO);
}

void Ring::reap() {
  io_uring_cqe* entry = nullptr;
  while (io_uring_peek_cqe(&ring_, &entry) == 0 && entry != nullptr) {
    (void)in_flight_.load();
    auto& io = *static_cast<DiskIo*>(io_uring_cqe_get_data(entry));
    const int result = entry->res;
    io_uring_cqe_seen(&ring_, entry);
    in_flight_.fetch_sub(1);
    in_flight_.notify_one();
    io.done(io, error_of(io, result));
  }
}

}  // namespace bioscope::rt::os
