// SPDX-License-Identifier: Apache-2.0
// blk-throttle, as far as an interposer cares: a point before the queue is entered where bios wait
// while nobody counts them (block/blk-throttle.c). Thread-safe.
#pragma once

#include <memory>

#include "models/interposer/block/bio.h"
#include "models/runtime/delayed_work.h"
#include "models/runtime/mutex.h"

namespace bioscope::blk {

class Throttle {
 public:
  Throttle();
  ~Throttle();

  // 0: no limit. What waits already is let go at the new rate.
  void set_sectors_per_second(u64 rate);

  // True: it was taken, and re-enters by submit_bio_noacct_nocheck() later, from another thread.
  [[nodiscard]] bool take(Bio& bio);

  // Lets everything go at once (del_gendisk: blk_throtl_cancel_bios).
  void cancel();

 private:
  struct State;
  std::unique_ptr<State> state_;  // made with the first limit
};

}  // namespace bioscope::blk
