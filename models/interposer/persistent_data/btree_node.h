// SPDX-License-Identifier: Apache-2.0
// A node of a tree on the disk (dm-btree-internal.h: struct btree_node): a header, room for
// max_entries keys, room for as many values. Keys ascend; in an internal node a value is the block
// of a child, and its key is at most the lowest key below it.
//
// The validator lets nothing pass that an index below max_entries could leave: after it the
// accessors only need their own preconditions.
#pragma once

#include "models/interposer/persistent_data/little_endian.h"
#include "models/interposer/persistent_data/validator.h"

namespace bioscope::persistent_data {

// A deeper tree than this has a circle in it: the fullest is below 6 levels (DM_BTREE_CURSOR_MAX).
inline constexpr u32 kMaxTreeDepth = 16;

// 3n for some n, as many as fit (dm-btree.c: calc_max_entries).
constexpr u32 max_node_entries(u32 value_size_bytes) {
  constexpr u32 kHeaderBytes = 32;
  return static_cast<u32>((kBlockBytes - kHeaderBytes) / (sizeof(u64) + u64{value_size_bytes})) /
         3 * 3;
}

// Seal; flags say leaf or internal and nothing else; the sizes are those of the value size; there
// are at most as many entries as fit, and their keys ascend: else EILSEQ. Stricter than the kernel
// in the flags, the exact max_entries and the keys, which every writer gets right.
extern const BlockValidator kNodeValidator;

// Does not own the block. REQUIRES, for every index: below nr_entries().
class NodeReader {
 public:
  explicit NodeReader(ConstBlock bytes) : bytes_(bytes) {}

  bool leaf() const { return flags() == kLeaf; }
  u32 nr_entries() const { return load_le<u32>(bytes_.data() + 16); }
  u32 max_entries() const { return load_le<u32>(bytes_.data() + 20); }
  u32 value_size_bytes() const { return load_le<u32>(bytes_.data() + 24); }

  u64 key(u32 index) const { return load_le<u64>(bytes_.data() + key_offset(index)); }
  std::span<const u8> value(u32 index) const { return values(index, 1); }
  std::span<const u8> values(u32 index, u32 count) const {
    return bytes_.subspan(value_offset(index), std::size_t{count} * value_size_bytes());
  }
  u64 child(u32 index) const { return load_le<u64>(bytes_.data() + value_offset(index)); }

  // The last entry whose key is at most `key`; -1: there is none.
  int lower_bound(u64 key) const;

 protected:
  static constexpr u32 kInternal = 1;
  static constexpr u32 kLeaf = 2;
  static constexpr std::size_t kKeysOffset = 32;

  u32 flags() const { return load_le<u32>(bytes_.data() + 4); }
  std::size_t key_offset(u32 index) const { return kKeysOffset + index * sizeof(u64); }
  std::size_t value_offset(u32 index) const {
    return key_offset(max_entries()) + std::size_t{index} * value_size_bytes();
  }

 private:
  friend int check_node(ConstBlock bytes);
  ConstBlock bytes_;
};

class NodeWriter : public NodeReader {
 public:
  explicit NodeWriter(Block bytes) : NodeReader(bytes), block_(bytes) {}

  // An empty node.
  void format(bool leaf, u32 value_size_bytes);

  // Copies of entries [from, from + count) of another node of the same kind.
  // REQUIRES: this one is empty.
  void copy_entries(const NodeReader& source, u32 from, u32 count);

  // The contents of another node; its seal comes along and is renewed when the block is written.
  void assign(ConstBlock other);

  void set_key(u32 index, u64 key) { store_le(block_.data() + key_offset(index), key); }
  void set_child(u32 index, u64 child) { store_le(block_.data() + value_offset(index), child); }
  // REQUIRES: value.size() == value_size_bytes().
  void set_value(u32 index, std::span<const u8> value);

  // REQUIRES: index <= nr_entries() < max_entries().
  void insert(u32 index, u64 key, std::span<const u8> value);
  void insert_child(u32 index, u64 key, u64 child);
  void erase(u32 index);

  // The first `count` entries go to the end of `left`, or the last `count` to the head of `right`.
  // REQUIRES: this node has as many, the other is of the same kind and size and has the room.
  void move_to_left(NodeWriter& left, u32 count);
  void move_to_right(NodeWriter& right, u32 count);

 private:
  void set_nr_entries(u32 count) { store_le(block_.data() + 16, count); }
  // Within the node, entries [from, from + count) go to [to, to + count).
  void slide(u32 to, u32 from, u32 count);
  void copy(u32 to, const NodeReader& source, u32 from, u32 count);

  Block block_;
};

}  // namespace bioscope::persistent_data
