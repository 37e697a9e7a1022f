// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>

#include "models/base/result.h"
#include "models/runtime/disk.h"

namespace bioscope::rt::os {

struct RingDiskOptions {
  u32 depth = 128;  // requests under way, per submitting thread
  // O_DIRECT. False: through the page cache, for file systems without it.
  bool direct = true;
  // Requests whose single segment lies here use a registered buffer. Outlives the disk.
  std::span<u8> buffer;
};

// A file or block device through io_uring: one ring for each submitting thread, with the file and
// the buffer registered, and one thread that reaps all rings and calls done(). With O_DIRECT
// segments have to be aligned to the logical block size; others end in EINVAL.
class RingDisk final : public Disk {
 public:
  static Result<std::unique_ptr<RingDisk>> open(const std::string& path,
                                                const RingDiskOptions& options);
  // REQUIRES: nothing is under way; the threads that submitted do not submit again.
  ~RingDisk() override;

  u64 size_sectors() const override;
  void submit(DiskIo& io) override;

  // Of the calling thread's ring: false when the kernel refused (RLIMIT_MEMLOCK).
  bool buffer_registered();

 private:
  struct State;
  explicit RingDisk(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bioscope::rt::os
