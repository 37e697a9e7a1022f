// SPDX-License-Identifier: Apache-2.0
// Lets the seed decide how lanes interleave: a thread above all lanes sleeps for random times and
// gives one of them a random priority: PCT on a stock kernel.
// The times span three orders of magnitude, so that windows of any width are hit.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>

#include "models/base/chooser.h"
#include "vm-images/agent/workers.h"

namespace bioscope {

class Scheduler {
 public:
  explicit Scheduler(WorkerPool& workers);

  // From now on the workers are scheduled by this seed; `prescribed` is taken first.
  void begin(u64 seed, std::span<const u32> prescribed);
  // Returns when the last choice has been made.
  void end();

 private:
  void run();
  void choose(Chooser& chooser);

  WorkerPool& workers_;
  u64 unit_ns_;  // about a hundred instructions
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Chooser> chooser_;
};

}  // namespace bioscope
