// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/transaction_manager.h"

#include <algorithm>
#include <cassert>

namespace bioscope::persistent_data {

OrErrno<WriteLock> TransactionManager::new_block(const BlockValidator& validator) {
  const OrErrno<u64> block = space_map_.new_block();
  if (!block) return std::unexpected(block.error());
  OrErrno<WriteLock> lock = blocks_.write_lock_zero(*block, validator);
  if (!lock) {
    // The first error is the one to tell; a block that cannot be given back is only lost.
    static_cast<void>(dec(*block));
    return lock;
  }
  shadows_.insert(*block);
  return lock;
}

OrErrno<TransactionManager::Shadow> TransactionManager::shadow_block(
    u64 original, const BlockValidator& validator) {
  const OrErrno<bool> shared = space_map_.is_shared(original);
  if (!shared) return std::unexpected(shared.error());
  if (shadows_.contains(original) && !*shared) {
    OrErrno<WriteLock> lock = blocks_.write_lock(original, validator);
    if (!lock) return std::unexpected(lock.error());
    return Shadow{std::move(*lock), false};
  }

  // The original is read before anything is counted, so that an unreadable one changes nothing.
  const OrErrno<ReadLock> source = blocks_.read_lock(original, &validator);
  if (!source) return std::unexpected(source.error());
  const OrErrno<u64> copy = space_map_.new_block();
  if (!copy) return std::unexpected(copy.error());
  OrErrno<WriteLock> lock = blocks_.write_lock_zero(*copy, validator);
  if (!lock) {
    static_cast<void>(dec(*copy));
    return std::unexpected(lock.error());
  }
  std::ranges::copy(source->bytes(), lock->bytes().begin());
  if (const int error = dec(original)) return std::unexpected(error);
  shadows_.insert(*copy);
  return Shadow{std::move(*lock), *shared};
}

int TransactionManager::pre_commit() {
  if (const int error = space_map_.write_index()) return error;
  // A superblock whose commit failed is still dirty, so this flush decides it.
  if (const int error = blocks_.flush()) return error;
  space_map_.superblock_durable();
  return 0;
}

int TransactionManager::commit(WriteLock superblock) {
  superblock.unlock();
  shadows_.clear();
  space_map_.superblock_issued();
  if (const int error = blocks_.flush()) return error;
  space_map_.superblock_durable();
  return 0;
}

}  // namespace bioscope::persistent_data
