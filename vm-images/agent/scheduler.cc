// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/scheduler.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "models/base/hash.h"
#include "vm-images/agent/boot.h"
#include "vm-images/agent/clock.h"
#include "vm-images/agent/thread_priority.h"

namespace bioscope {
namespace {

constexpr u32 kSiteTime = 1;
constexpr u32 kSiteWorker = 2;
constexpr u32 kSitePriority = 3;
constexpr u32 kScales = 11;  // a sleep is 1 to 2048 units

// Lanes that have not moved for so long are all blocked: what their priorities are decides nothing,
// and tens of thousands of wake-ups while a hang is waited out would only cost.
constexpr u64 kRestAfterNs = 20 * kMillisecondNs;
constexpr u64 kRestNs = 5 * kMillisecondNs;

// How long some instructions take: in profile det exactly, whatever the clock's rate is.
u64 measure_unit_ns() {
  constexpr u32 kRounds = 4096;
  volatile u32 sink = 0;
  const u64 start = now_ns();
  for (u32 i = 0; i < kRounds; ++i) sink = sink + i;
  return std::max<u64>(100, (now_ns() - start) * 25 / kRounds);
}

// Another number whenever a worker entered or left the kernel.
u64 progress_of(WorkerPool& workers) {
  u64 progress = 0;
  workers.for_each_busy([&progress](Worker& worker) {
    const Activity& activity = worker.activity();
    progress = mix64(progress + activity.kernel_since_ns.load()) + activity.operation.load();
  });
  return progress;
}

}  // namespace

Scheduler::Scheduler(WorkerPool& workers) : workers_(workers), unit_ns_(measure_unit_ns()) {
  std::thread([this] { run(); }).detach();
}

void Scheduler::begin(u64 seed, std::span<const u32> prescribed) {
  const std::lock_guard lock(mutex_);
  chooser_.emplace(seed);
  chooser_->prescribe(ChoiceKind::Schedule, prescribed);
  changed_.notify_all();
}

void Scheduler::end() {
  const std::lock_guard lock(mutex_);
  chooser_.reset();
  changed_.notify_all();
}

void Scheduler::run() {
  set_priority(0, kSchedulerPriority);
  const bool det = is_det_profile();
  u64 cost_ns = 0;
  u64 last_progress = 0;
  u64 moved_ns = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return chooser_.has_value(); });
    const u32 scale = chooser_->pick(ChoiceKind::Schedule, kSiteTime, kScales);
    const u32 fraction = chooser_->pick(ChoiceKind::Schedule, kSiteTime, 256);
    u64 pause_ns = (unit_ns_ << scale) * (256 + fraction) / 256;
    // On a host that is busy a choice can take longer than the pause; then this thread would be all
    // that runs on its vCPU, and the kernel's own workers there would wait for ever.
    if (!det) pause_ns += 10 * cost_ns;
    if (const u64 progress = progress_of(workers_); progress != last_progress) {
      last_progress = progress;
      moved_ns = now_ns();
    } else if (now_ns() - moved_ns > kRestAfterNs) {
      pause_ns = std::max(pause_ns, kRestNs);
    }
    changed_.wait_for(lock, std::chrono::nanoseconds(pause_ns),
                      [this] { return !chooser_.has_value(); });
    const u64 woken_ns = now_ns();
    if (chooser_) choose(*chooser_);
    cost_ns = now_ns() - woken_ns;
  }
}

void Scheduler::choose(Chooser& chooser) {
  std::vector<pid_t> lanes;
  workers_.for_each_busy([&lanes](Worker& worker) {
    if (worker.tid() != 0) lanes.push_back(worker.tid());
  });
  if (lanes.empty()) return;
  const u32 count = static_cast<u32>(lanes.size());
  const u32 lane = chooser.pick(ChoiceKind::Schedule, kSiteWorker, count);
  // A quarter of the choices leaves the lane among the kernel's own threads.
  const u32 priority = chooser.pick(ChoiceKind::Schedule, kSitePriority, kMostLanePriority);
  set_priority(lanes[lane],
               priority < kMostLanePriority / 4 ? kOrdinaryPriority : static_cast<int>(priority));
}

}  // namespace bioscope
