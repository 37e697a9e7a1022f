// SPDX-License-Identifier: Apache-2.0
// Notices an operation that does not come back within its bound of guest time, also when the kernel
// spins: its thread has the highest priority. It collects the evidence; what follows is the
// player's business.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "vm-images/agent/recorder.h"
#include "vm-images/agent/workers.h"

namespace bioscope {

class Watchdog {
 public:
  struct Reaction {
    // An operation is over its bound; `evidence` holds the stacks. Called in the watchdog's thread.
    std::function<void(const std::string& evidence)> on_hang;
    // Nothing was recorded for longer than the bound and no operation is in the kernel.
    std::function<void()> on_standstill;
  };

  explicit Watchdog(WorkerPool& workers);

  // REQUIRES: `recorder` outlives the matching end().
  void begin(u64 bound_ns, const Recorder& recorder, Reaction reaction);
  void end();

 private:
  void run();

  WorkerPool& workers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const Recorder* recorder_ = nullptr;
  Reaction reaction_;
  u64 bound_ns_ = 0;
};

// Whether a worker has been in the kernel with one operation for longer than that.
bool any_over(WorkerPool& workers, u64 bound_ns);

}  // namespace bioscope
