// SPDX-License-Identifier: Apache-2.0
// struct super_block, as far as freezing goes: a mounted file system derives from it.
//
// Invariants:
//   S1  Between start_write() and end_write() the file system is not frozen; start_write() waits
//       while it is (sb_start_write).
//   S2  freeze() of a frozen one is EBUSY, thaw() of one that is not is EINVAL, whoever froze it:
//       FIFREEZE, FITHAW and freeze_bdev() meet here (R22, R24).
// Thread-safe.
#pragma once

#include "models/base/types.h"
#include "models/runtime/mutex.h"
#include "models/runtime/percpu_rw_semaphore.h"

namespace bioscope::blk {

class SuperBlock {
 public:
  virtual ~SuperBlock() = default;

  void start_write() { writers_.down_read(); }
  void end_write() { writers_.up_read(); }

  // freeze_super(): holds writers back, writes everything out, calls freeze_fs(). On an error of
  // sync_fs() or freeze_fs() writers go on and the error is returned.
  [[nodiscard]] int freeze();
  [[nodiscard]] int thaw();
  bool frozen();

  // ->sync_fs, ->freeze_fs, ->unfreeze_fs: 0 or a positive errno. No writer is inside freeze_fs().
  virtual int sync_fs() = 0;
  virtual int freeze_fs() = 0;
  virtual int unfreeze_fs() = 0;

 private:
  rt::PercpuRwSemaphore writers_{"s_writers"};
  rt::Mutex lock_{"s_umount"};
  enum class State : u8 { Unfrozen, Freezing, Frozen };
  State state_ = State::Unfrozen;  // under lock_
};

}  // namespace bioscope::blk
