// SPDX-License-Identifier: Apache-2.0
// Arrays of values of one size that refer to nothing (dm-array.c): a tree from the number of an
// array block to the block. All blocks but the last are full; the length is the caller's to know.
// A root may get a second reference only right after a commit: what shares an array block shows in
// the tree above it, and a block of the same transaction is changed without a look there.
#pragma once

#include "models/interposer/persistent_data/array_block.h"
#include "models/interposer/persistent_data/btree.h"

namespace bioscope::persistent_data {

// The values of the tree: array blocks.
class ArrayBlockReferences final : public BtreeValues {
 public:
  ArrayBlockReferences(TransactionManager& transactions, u32 element_size_bytes)
      : BtreeValues(sizeof(u64)),
        transactions_(&transactions),
        element_size_bytes_(element_size_bytes) {}

  int inc(std::span<const u8> values) const override;
  int dec(std::span<const u8> values) const override;

 private:
  TransactionManager* transactions_;
  u32 element_size_bytes_;
};

// What is common to arrays of one type; the arrays are told by their roots. Roots and errors as
// with Btree; EILSEQ also for a block with elements of another size.
class Array {
 public:
  // REQUIRES: element_size_bytes > 0.
  Array(TransactionManager& transactions, u32 element_size_bytes);
  Array(const Array&) = delete;  // the tree points into it
  Array& operator=(const Array&) = delete;

  // The root of an array of length 0.
  OrErrno<u64> create() const { return tree_.create(); }

  // ENODATA: beyond the end.
  [[nodiscard]] int get(u64 root, u32 index, std::span<u8> value) const;
  [[nodiscard]] int set(u64& root, u32 index, std::span<const u8> value) const;

  // What is added is `value`. After an error the array has a length between the two; a growth that
  // failed may be tried again.
  [[nodiscard]] int resize(u64& root, u32 old_count, u32 new_count,
                           std::span<const u8> value) const;

  [[nodiscard]] int erase(u64 root) const { return tree_.erase(root); }

  // The elements below `count`, ascending. ENODATA: fewer are there.
  using Visit = std::function<int(u32 index, std::span<const u8> value)>;
  [[nodiscard]] int walk(u64 root, u32 count, VisitBudget& budget, const Visit& visit) const;

 private:
  OrErrno<ReadLock> read_block(u64 block) const;
  OrErrno<u64> find_block(u64 root, u32 number) const;
  OrErrno<WriteLock> shadow_block(u64& root, u32 number) const;
  int add_block(u64& root, u32 number, u32 count, std::span<const u8> value) const;
  int resize_block(u64& root, u32 number, u32 count, std::span<const u8> value) const;

  TransactionManager* transactions_;
  u32 element_size_bytes_;
  u32 per_block_;
  ArrayBlockReferences references_;
  Btree tree_;
};

}  // namespace bioscope::persistent_data
