// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/array.h"

#include <algorithm>
#include <cerrno>

#include "models/interposer/persistent_data/transaction_manager.h"

namespace bioscope::persistent_data {
namespace {

OrErrno<ReadLock> read_array_block(TransactionManager& transactions, u64 block,
                                   u32 element_size_bytes) {
  OrErrno<ReadLock> lock = transactions.read_lock(block, kArrayValidator);
  if (lock && ArrayBlockReader(lock->bytes()).value_size_bytes() != element_size_bytes) {
    return std::unexpected(EILSEQ);
  }
  return lock;
}

}  // namespace

int ArrayBlockReferences::inc(std::span<const u8> values) const {
  for (std::size_t at = 0; at < values.size(); at += sizeof(u64)) {
    if (const int error = transactions_->inc(load_le<u64>(values.data() + at))) return error;
  }
  return 0;
}

// dm-array.c: __block_dec; the last reference goes only to what is an array block indeed.
int ArrayBlockReferences::dec(std::span<const u8> values) const {
  for (std::size_t at = 0; at < values.size(); at += sizeof(u64)) {
    const u64 block = load_le<u64>(values.data() + at);
    const OrErrno<u32> count = transactions_->space_map().count(block);
    if (!count) return count.error();
    if (*count == 1) {
      const OrErrno<ReadLock> lock = read_array_block(*transactions_, block, element_size_bytes_);
      if (!lock) return lock.error();
    }
    if (const int error = transactions_->dec(block)) return error;
  }
  return 0;
}

Array::Array(TransactionManager& transactions, u32 element_size_bytes)
    : transactions_(&transactions),
      element_size_bytes_(element_size_bytes),
      per_block_(max_array_entries(element_size_bytes)),
      references_(transactions, element_size_bytes),
      tree_(transactions, references_) {}

OrErrno<ReadLock> Array::read_block(u64 block) const {
  return read_array_block(*transactions_, block, element_size_bytes_);
}

OrErrno<u64> Array::find_block(u64 root, u32 number) const {
  std::array<u8, sizeof(u64)> block{};
  if (const int error = tree_.lookup(root, number, block)) return std::unexpected(error);
  return load_le<u64>(block.data());
}

int Array::get(u64 root, u32 index, std::span<u8> value) const {
  const OrErrno<u64> block = find_block(root, index / per_block_);
  if (!block) return block.error();
  const OrErrno<ReadLock> lock = read_block(*block);
  if (!lock) return lock.error();
  const ArrayBlockReader reader(lock->bytes());
  if (index % per_block_ >= reader.nr_entries()) return ENODATA;
  std::ranges::copy(reader.value(index % per_block_), value.begin());
  return 0;
}

int Array::set(u64& root, u32 index, std::span<const u8> value) const {
  OrErrno<WriteLock> lock = shadow_block(root, index / per_block_);
  if (!lock) return lock.error();
  ArrayBlockWriter writer(lock->bytes());
  if (index % per_block_ >= writer.nr_entries()) return ENODATA;
  writer.set_value(index % per_block_, value);
  return 0;
}

// dm-array.c: shadow_ablock.
OrErrno<WriteLock> Array::shadow_block(u64& root, u32 number) const {
  const OrErrno<u64> block = find_block(root, number);
  if (!block) return std::unexpected(block.error());
  if (const OrErrno<ReadLock> lock = read_block(*block); !lock) {
    return std::unexpected(lock.error());
  }
  OrErrno<TransactionManager::Shadow> shadow = transactions_->shadow_block(*block, kArrayValidator);
  if (!shadow) return std::unexpected(shadow.error());
  const u64 location = shadow->lock.location();
  if (location == *block) return std::move(shadow->lock);

  // The shadow dropped the tree's reference to the original; it is taken back, because the tree
  // drops it again when the entry is overwritten.
  if (const int error = transactions_->inc(*block)) return std::unexpected(error);
  std::array<u8, sizeof(u64)> value{};
  store_le(value.data(), location);
  if (const int error = tree_.insert(root, number, value)) {
    static_cast<void>(transactions_->dec(location));
    return std::unexpected(error);
  }
  return std::move(shadow->lock);
}

int Array::add_block(u64& root, u32 number, u32 count, std::span<const u8> value) const {
  OrErrno<WriteLock> lock = transactions_->new_block(kArrayValidator);
  if (!lock) return lock.error();
  ArrayBlockWriter writer(lock->bytes());
  writer.format(element_size_bytes_);
  writer.resize(count, value);
  std::array<u8, sizeof(u64)> block{};
  store_le(block.data(), lock->location());
  const int error = tree_.insert(root, number, block);
  if (error != 0) static_cast<void>(transactions_->dec(lock->location()));
  return error;
}

int Array::resize_block(u64& root, u32 number, u32 count, std::span<const u8> value) const {
  OrErrno<WriteLock> lock = shadow_block(root, number);
  if (!lock) return lock.error();
  ArrayBlockWriter(lock->bytes()).resize(count, value);
  return 0;
}

// dm-array.c: array_resize. Unlike it, a shrink to a multiple of a block drops the last block too.
int Array::resize(u64& root, u32 old_count, u32 new_count, std::span<const u8> value) const {
  const u32 old_full = old_count / per_block_;
  const u32 old_rest = old_count % per_block_;
  const u32 new_full = new_count / per_block_;
  const u32 new_rest = new_count % per_block_;
  const u32 old_blocks = old_full + (old_rest != 0 ? 1 : 0);
  const u32 new_blocks = new_full + (new_rest != 0 ? 1 : 0);

  for (u32 number = new_blocks; number < old_blocks; ++number) {
    if (const int error = tree_.remove(root, number)) return error;
  }
  if (new_count < old_count) {
    return new_rest == 0 ? 0 : resize_block(root, new_full, new_rest, value);
  }

  if (old_rest != 0 && new_count > old_count) {
    const u32 count = new_full > old_full ? per_block_ : new_rest;
    if (const int error = resize_block(root, old_full, count, value)) return error;
  }
  for (u32 number = old_blocks; number < new_blocks; ++number) {
    const u32 count = number < new_full ? per_block_ : new_rest;
    if (const int error = add_block(root, number, count, value)) return error;
  }
  return 0;
}

int Array::walk(u64 root, u32 count, VisitBudget& budget, const Visit& visit) const {
  u64 next = 0;
  const auto visit_block = [&](u64 number, std::span<const u8> value) -> int {
    if (number * u64{per_block_} != next || next >= count) return next >= count ? 0 : ENODATA;
    if (const int error = budget.spend()) return error;
    const OrErrno<ReadLock> lock = read_block(load_le<u64>(value.data()));
    if (!lock) return lock.error();
    const ArrayBlockReader reader(lock->bytes());
    for (u32 i = 0; i < reader.nr_entries() && next < count; ++i, ++next) {
      if (const int error = visit(static_cast<u32>(next), reader.value(i))) return error;
    }
    return 0;
  };
  if (const int error = tree_.walk(root, budget, visit_block)) return error;
  return next == count ? 0 : ENODATA;
}

}  // namespace bioscope::persistent_data
