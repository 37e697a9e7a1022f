// SPDX-License-Identifier: Apache-2.0
// The threads that lanes and async operations run in. They outlive traces: a thread with its ring
// and buffer costs more than a short trace.
//
// Invariant:
//   W1  A worker has one job at a time; what it is doing (a lane, one operation, since when) can be
//       seen by the watchdog and the scheduler without its help.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "models/trace/trace.h"
#include "vm-images/agent/ring.h"

namespace bioscope {

inline constexpr std::size_t kMaxWorkers = 512;

// What a worker is at. Time 0: nothing.
struct Activity {
  std::atomic<u64> kernel_since_ns{0};  // an operation has been given to the kernel
  std::atomic<u32> operation{0};
  std::atomic<bool> is_cleanup{false};
};

struct Unmap {
  std::size_t bytes = 0;
  void operator()(u8* address) const;
};

class Worker {
 public:
  Worker() = default;
  pid_t tid() const { return tid_; }
  Activity& activity() { return activity_; }
  const Activity& activity() const { return activity_; }

  // The ring is made at its first use, in the worker's own thread.
  Result<Ring*> ring();
  // Whoever started an async operation goes on when this was called: the operation has been handed
  // to the kernel, or has ended.
  void tell_submitted();
  void on_submitted(std::function<void()> call) { on_submitted_ = std::move(call); }

  // Page-aligned, at least so long; what it held before is lost when it grows.
  std::span<u8> buffer(std::size_t bytes);

 private:
  friend class WorkerPool;
  std::atomic<pid_t> tid_{0};
  Activity activity_;
  std::optional<Ring> ring_;
  std::unique_ptr<u8, Unmap> buffer_;
  std::function<void(Worker&)> job_;
  std::function<void()> on_submitted_;
  std::condition_variable wake_;
};

// Thread-safe.
class WorkerPool {
 public:
  using Job = std::function<void(Worker&)>;

  // Runs a job in a worker that has none. False when all kMaxWorkers are at work.
  bool start(Job job);
  // Waits until no worker has a job, at most so long. True when it came to that.
  bool wait_idle(u64 at_most_ns);
  // Waits until `condition`, which may change when a worker's job ends, holds.
  void wait_until(const std::function<bool()>& condition, u64 at_most_ns);
  std::size_t busy() const;
  // Calls `visit` for each worker that has a job, in the order of creation.
  void for_each_busy(const std::function<void(Worker&)>& visit);

 private:
  void run(Worker& worker);

  mutable std::mutex mutex_;
  std::condition_variable idle_changed_;
  std::deque<Worker> workers_;
  std::vector<Worker*> free_;
};

}  // namespace bioscope
