// SPDX-License-Identifier: Apache-2.0
// blk_plug: requests that a task keeps back until it unplugs or waits (block/blk-core.c).
#pragma once

#include "models/interposer/block/bio.h"

namespace bioscope::blk {

// For the length of a scope: what the task submits to request-based disks is collected and let go
// at the end, or before the task waits (submit_bio_wait, flush()). Nested plugs do nothing.
// One task's.
class Plug {
 public:
  Plug();
  ~Plug();
  Plug(const Plug&) = delete;
  Plug& operator=(const Plug&) = delete;

 private:
  bool outermost_;
};

// blk_flush_plug() of the current task.
void flush_plug();

}  // namespace bioscope::blk
