// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/thread_priority.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bioscope {

void set_priority(pid_t tid, int priority) {
  sched_param parameter{};
  parameter.sched_priority = priority;
  sched_setscheduler(tid, priority == kOrdinaryPriority ? SCHED_OTHER : SCHED_FIFO, &parameter);
}

void set_io_priority() {
  constexpr int kWhoProcess = 1;            // IOPRIO_WHO_PROCESS
  constexpr int kBestEffort = 2 << 13 | 4;  // IOPRIO_CLASS_BE, the middle
  syscall(SYS_ioprio_set, kWhoProcess, 0, kBestEffort);
}

void set_idle_priority() {
  const sched_param parameter{};
  sched_setscheduler(0, SCHED_IDLE, &parameter);
}

}  // namespace bioscope
