// SPDX-License-Identifier: Apache-2.0
// One processor for one guest of profile Det. QEMU's main loop and its vCPU thread hand the work
// to each other there, but run at the same time elsewhere, and then one run in twenty was another
// one. Inferred from QEMU 7.2's source, not traced: the main loop can find the vCPU halted
// (rr_cpu_thread_fn) before the instructions that it executed are added to the clock, and warps the
// clock by too much (icount_start_warp_timer). On one processor, with the vCPU's thread the nicer
// one (QemuProcess::yield_vcpu), the main loop comes to rest first.
#pragma once

#include <sched.h>

namespace bioscope {

// Takes the processor that fewest guests of this process have, of those that this process may use,
// and gives it back with its end. Thread-safe.
class ProcessorShare {
 public:
  ProcessorShare();
  ProcessorShare(ProcessorShare&& other) noexcept;
  ProcessorShare& operator=(ProcessorShare&&) = delete;
  ~ProcessorShare();

  int number() const { return number_; }
  // For sched_setaffinity. All that this process may use if there is no telling.
  const cpu_set_t& mask() const { return mask_; }

 private:
  int number_ = -1;
  cpu_set_t mask_;
};

}  // namespace bioscope
