// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/thread_priority.h"

#include <sched.h>

namespace bioscope {

void set_priority(pid_t tid, int priority) {
  sched_param parameter{};
  parameter.sched_priority = priority;
  sched_setscheduler(tid, priority == kOrdinaryPriority ? SCHED_OTHER : SCHED_FIFO, &parameter);
}

void set_idle_priority() {
  const sched_param parameter{};
  sched_setscheduler(0, SCHED_IDLE, &parameter);
}

}  // namespace bioscope
