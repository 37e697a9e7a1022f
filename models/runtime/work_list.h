// SPDX-License-Identifier: Apache-2.0
// What a workqueue has to do and does: no thread, no lock. Both runtimes wrap it.
//
// Invariants:
//   W1  A work is queued at most once; it can be queued again as soon as it runs.
//   W2  A work never runs twice at the same time.
//   W3  At most max_active works run; they start in the order in which they were queued, but for
//   W2.
#pragma once

#include <vector>

#include "models/base/types.h"
#include "models/runtime/run.h"

namespace bioscope::rt {

// work_struct. The function may destroy its own Work.
class Work {
 public:
  explicit Work(Function function) : function_(std::move(function)) {}
  ~Work();  // one that is pending fails the run
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  void run() { function_(); }

 private:
  friend class WorkList;
  Function function_;
  bool pending_ = false;
  u64 number_ = 0;  // of its last queueing
};

// Not thread-safe.
class WorkList {
 public:
  explicit WorkList(u32 max_active) : max_active_(max_active) {}

  // False: it is pending already.
  bool queue(Work& work);
  // The work to run now, or null.
  Work* take();
  // How many take() calls in a row would succeed.
  u32 takeable() const;
  // `work` may be destroyed already.
  void finish(const Work* work);
  // Forgets a pending work. True: it was pending.
  bool remove(Work& work);

  bool busy(const Work* work) const;  // pending or running
  bool running(const Work* work) const;
  bool idle() const { return pending_.empty() && running_.empty(); }
  u64 last_number() const { return last_number_; }
  // Every work queued up to `number` has finished.
  bool finished_up_to(u64 number) const;

 private:
  struct Running {
    const Work* work;
    u64 number;
  };

  u32 max_active_;
  u64 last_number_ = 0;
  std::vector<Work*> pending_;
  std::vector<Running> running_;
};

}  // namespace bioscope::rt
