// SPDX-License-Identifier: Apache-2.0
#include "harness/vm/interrupt.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "models/base/types.h"

namespace bioscope {

Interrupt::Interrupt() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Interrupt::~Interrupt() {
  if (fd_ >= 0) close(fd_);
}

void Interrupt::raise() noexcept {
  const int saved_errno = errno;
  raised_.store(true, std::memory_order_relaxed);
  const u64 one = 1;
  if (write(fd_, &one, sizeof one) < 0) errno = saved_errno;
  errno = saved_errno;
}

}  // namespace bioscope
