// SPDX-License-Identifier: Apache-2.0
// blk_plug: requests that a task keeps back until it unplugs or waits (block/blk-core.c).
//
// Invariants:
//   G1  What is plugged has entered its queue and is past the interposer: a freeze waits for it. So
//       a task lets it go before it waits for anybody: in submit_bio_wait(), before it waits for a
//       frozen queue, and before it freezes one. A task that waits otherwise calls flush_plug().
//   G2  At most kMaxPlugged are kept (BLK_MAX_REQUEST_COUNT), and they go in the order of arrival.
#pragma once

#include <cstddef>

#include "models/base/types.h"

namespace bioscope::blk {

inline constexpr std::size_t kPlugSlot = 1;  // of rt::task_slot(): current->plug
inline constexpr u32 kMaxPlugged = 32;

// What a driver keeps back; its request derives from it.
struct Plugged {
  void (*issue)(Plugged& request) = nullptr;  // sends it on its way
  Plugged* next_plugged = nullptr;
};

// For the length of a scope; nested ones do nothing. One task's.
class Plug {
 public:
  Plug();
  ~Plug() noexcept(false);  // lets go
  Plug(const Plug&) = delete;
  Plug& operator=(const Plug&) = delete;

  // False: the task has no plug, the driver goes on itself.
  [[nodiscard]] static bool add(Plugged& request);

 private:
  friend void flush_plug();
  void flush();

  Plugged* first_ = nullptr;
  Plugged* last_ = nullptr;
  u32 count_ = 0;
  bool outermost_;
};

// blk_flush_plug() of the current task.
void flush_plug();

}  // namespace bioscope::blk
