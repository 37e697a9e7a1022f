// SPDX-License-Identifier: Apache-2.0
// Tells when nothing can run any more: everybody waits for a request that is held.
//
// Profile det: a SCHED_IDLE thread has run several times, with pauses that let short kernel timers
// expire, and nothing was recorded and no request moved in between. Profile smp: besides, no
// more than one other task was running at any of many looks; a bound on the waiting makes it "not
// judged".
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "models/base/types.h"

namespace bioscope {

class QuietWatch {
 public:
  QuietWatch();

  // Waits until it is quiet, at most so long, or until `over` holds. `activity` changes whenever
  // anything happens. True if it is quiet. Called by one thread.
  bool wait(u64 at_most_ns, const std::function<u64()>& activity,
            const std::function<bool()>& over);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<u64()>* activity_ = nullptr;  // set while somebody waits
  const std::function<bool()>* over_ = nullptr;
  u64 until_ns_ = 0;
  bool is_quiet_ = false;
};

}  // namespace bioscope
