// SPDX-License-Identifier: Apache-2.0
// Who preempts whom in the guest. On one vCPU the highest SCHED_FIFO priority runs, so these decide
// the interleaving; the lanes lie between 0 (ordinary) and kMostLanePriority, as the seed says.
#pragma once

#include <sys/types.h>

namespace bioscope {

inline constexpr int kOrdinaryPriority = 0;
inline constexpr int kMostLanePriority = 40;
inline constexpr int kServerPriority = 60;  // completes I/O, so it goes before who waits for it
inline constexpr int kPlayerPriority = 80;  // starts lanes, which must not starve it
inline constexpr int kNoticePriority = 85;  // a hold is recorded before anybody acts on it
inline constexpr int kSchedulerPriority = 90;
inline constexpr int kWatchdogPriority = 99;

// SCHED_FIFO at `priority`, or SCHED_OTHER for kOrdinaryPriority. `tid` 0: the calling thread.
void set_priority(pid_t tid, int priority);
// The calling thread and those it starts issue I/O of one class whatever their priority is. Without
// it the kernel takes SCHED_FIFO for the real-time class, and mq-deadline lets no other request
// pass one of that class for ten seconds, be it held in the disk.
void set_io_priority();
// Runs only when nothing else can.
void set_idle_priority();

}  // namespace bioscope
