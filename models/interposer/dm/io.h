// SPDX-License-Identifier: Apache-2.0
// struct dm_io and struct dm_target_io (drivers/md/dm-core.h): what the core keeps for a bio that a
// mapped device has taken, and for each clone that a target gets of it. Only the core's files
// include this.
//
// Invariants:
//   O1  An Io lives in the front pad of its first clone, and a TargetIo in that of each clone: a
//       bio costs its clones and nothing else. The first clone is kept until the Io has ended.
//   O2  `count` is one for each clone and one for the submission; who drops the last one completes
//       the Io, once.
//   O3  A push-back supersedes errors while the device is suspended with noflush (R39).
#pragma once

#include <atomic>
#include <memory>
#include <new>
#include <type_traits>

#include "models/interposer/block/bio.h"
#include "models/interposer/dm/table.h"
#include "models/runtime/run.h"

namespace bioscope::dm {

class MappedDevice;

inline constexpr int kPushBack = -1;  // BLK_STS_DM_REQUEUE: no errno

struct Io {
  MappedDevice* device = nullptr;
  blk::Bio* clone = nullptr;     // O1
  blk::Bio* original = nullptr;  // or a clone of its part, once it was pushed back (R39)
  blk::BvecIter start;           // of the original, when the Io began
  u64 sectors = 0;               // of its piece
  bool was_split = false;        // DM_IO_WAS_SPLIT: the original goes on with other pieces
  // Neither is a step of its own: who of several is last, or first, decides nothing else.
  std::atomic<u32> count{1};  // O2
  std::atomic<int> status{0};
  Io* next = nullptr;  // on the list of those to requeue
};

struct TargetIo {
  Io* io = nullptr;
  Target* target = nullptr;
  u64* length_sectors = nullptr;  // of the piece, while map() may take less
  u32 number = 0;                 // which of num_flush_bios (num_discard_bios..)
};

struct FrontPad {
  TargetIo target_io;
  Io io;  // of the first clone
};
static_assert(sizeof(FrontPad) <= blk::kFrontPadBytes);
static_assert(std::is_trivially_destructible_v<FrontPad>);

inline FrontPad& make_front_pad(blk::Bio& clone) {
  return *std::construct_at(reinterpret_cast<FrontPad*>(clone.front_pad.data()));
}
inline FrontPad& front_pad(const blk::Bio& clone) {
  auto* bytes = const_cast<std::byte*>(clone.front_pad.data());
  return *std::launder(reinterpret_cast<FrontPad*>(bytes));
}

// A mutant may let bios outlive their table. False: then the run has failed.
inline bool is_alive([[maybe_unused]] const Target& target) {
#ifdef BIOSCOPE_VARIANTS
  if (target.table.is_shut_down()) {
    rt::fail("a target is used after it was destroyed");
    return false;
  }
#endif
  return true;
}

}  // namespace bioscope::dm
