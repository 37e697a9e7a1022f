// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/super_block.h"

#include <cerrno>
#include <mutex>

#include "models/interposer/variants.h"

namespace bioscope::blk {

int SuperBlock::freeze() {
  {
    const std::lock_guard guard(lock_);
    if (state_ != State::Unfrozen) return EBUSY;
    state_ = State::Freezing;
  }
  // Not under the lock: who writes may need it.
  writers_.down_write();
  const std::lock_guard guard(lock_);
  int error = sync_fs();
  if (error == 0) error = freeze_fs();
  if (error != 0) {
    state_ = State::Unfrozen;
    if (!planted(Defect::FailedFreezeHoldsWriters)) writers_.up_write();
    return error;
  }
  state_ = State::Frozen;
  return 0;
}

int SuperBlock::thaw() {
  const std::lock_guard guard(lock_);
  if (state_ != State::Frozen) return EINVAL;
  if (const int error = unfreeze_fs(); error != 0) return error;
  state_ = State::Unfrozen;
  writers_.up_write();
  return 0;
}

bool SuperBlock::frozen() {
  const std::lock_guard guard(lock_);
  return state_ == State::Frozen;
}

}  // namespace bioscope::blk
