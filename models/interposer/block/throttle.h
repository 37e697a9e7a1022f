// SPDX-License-Identifier: Apache-2.0
// blk-throttle, as far as an interposer cares: a point before the queue is entered where bios wait
// while nobody counts them (block/blk-throttle.c). Thread-safe.
//
// Invariants:
//   T1  Bios pass in the order of arrival: while one waits, none that comes later passes.
//   T2  A bio is throttled once, whoever resubmits it to the same block device. What goes to a
//       bypass was throttled above the interposer.
#pragma once

#include <atomic>

#include "models/interposer/block/bio.h"
#include "models/runtime/delayed_work.h"
#include "models/runtime/mutex.h"

namespace bioscope::blk {

class Throttle {
 public:
  Throttle();
  ~Throttle();
  Throttle(const Throttle&) = delete;
  Throttle& operator=(const Throttle&) = delete;

  // 0: no limit. What waits already is let go at the new rate. REQUIRES: one task at a time.
  void set_sectors_per_second(u64 rate);

  // True: it was taken, and re-enters by submit_bio_noacct_nocheck() later, from another thread.
  [[nodiscard]] bool take(Bio& bio);

  // Lets everything go at once, for good (del_gendisk: blk_throtl_cancel_bios).
  void cancel();

 private:
  struct State;
  std::atomic<State*> state_{nullptr};  // made with the first limit; asked with each bio: no step
};

}  // namespace bioscope::blk
