// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/btree_node.h"

#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace bioscope::persistent_data {

int check_node(ConstBlock bytes) {
  const NodeReader node(bytes);
  if (node.flags() != NodeReader::kInternal && node.flags() != NodeReader::kLeaf) return EILSEQ;
  if (!node.leaf() && node.value_size_bytes() != sizeof(u64)) return EILSEQ;
  if (node.max_entries() != max_node_entries(node.value_size_bytes())) return EILSEQ;
  if (node.nr_entries() > node.max_entries()) return EILSEQ;
  if (!node.leaf() && node.nr_entries() == 0) return EILSEQ;
  for (u32 i = 1; i < node.nr_entries(); ++i) {
    if (node.key(i - 1) >= node.key(i)) return EILSEQ;
  }
  return 0;
}

constinit const BlockValidator kNodeValidator{
    .name = "btree_node", .seal = {.checksum_xor = 121107}, .check_contents = check_node};

int NodeReader::lower_bound(u64 key) const {
  int below = -1;
  int above = static_cast<int>(nr_entries());
  while (above - below > 1) {
    const int middle = below + (above - below) / 2;
    if (this->key(static_cast<u32>(middle)) <= key) {
      below = middle;
    } else {
      above = middle;
    }
  }
  return below;
}

void NodeWriter::format(bool leaf, u32 value_size_bytes) {
  store_le(block_.data() + 4, leaf ? kLeaf : kInternal);
  store_le(block_.data() + 20, max_node_entries(value_size_bytes));
  store_le(block_.data() + 24, value_size_bytes);
  set_nr_entries(0);
}

void NodeWriter::copy_entries(const NodeReader& source, u32 from, u32 count) {
  assert(nr_entries() == 0 && count <= max_entries());
  copy(0, source, from, count);
  set_nr_entries(count);
}

void NodeWriter::assign(ConstBlock other) {
  std::memcpy(block_.data(), other.data(), kBlockBytes);
}

void NodeWriter::set_value(u32 index, std::span<const u8> value) {
  assert(index < nr_entries() && value.size() == value_size_bytes());
  std::memcpy(block_.data() + value_offset(index), value.data(), value.size());
}

void NodeWriter::insert(u32 index, u64 key, std::span<const u8> value) {
  assert(index <= nr_entries() && nr_entries() < max_entries());
  slide(index + 1, index, nr_entries() - index);
  set_nr_entries(nr_entries() + 1);
  set_key(index, key);
  set_value(index, value);
}

void NodeWriter::insert_child(u32 index, u64 key, u64 child) {
  std::array<u8, sizeof(u64)> value{};
  store_le(value.data(), child);
  insert(index, key, value);
}

void NodeWriter::erase(u32 index) {
  assert(index < nr_entries());
  slide(index, index + 1, nr_entries() - index - 1);
  set_nr_entries(nr_entries() - 1);
}

void NodeWriter::move_to_left(NodeWriter& left, u32 count) {
  assert(count <= nr_entries() && left.nr_entries() + count <= left.max_entries());
  left.copy(left.nr_entries(), *this, 0, count);
  slide(0, count, nr_entries() - count);
  left.set_nr_entries(left.nr_entries() + count);
  set_nr_entries(nr_entries() - count);
}

void NodeWriter::move_to_right(NodeWriter& right, u32 count) {
  assert(count <= nr_entries() && right.nr_entries() + count <= right.max_entries());
  right.slide(count, 0, right.nr_entries());
  right.copy(0, *this, nr_entries() - count, count);
  right.set_nr_entries(right.nr_entries() + count);
  set_nr_entries(nr_entries() - count);
}

void NodeWriter::slide(u32 to, u32 from, u32 count) {
  const std::size_t value_bytes = value_size_bytes();
  std::memmove(block_.data() + key_offset(to), block_.data() + key_offset(from),
               count * sizeof(u64));
  std::memmove(block_.data() + value_offset(to), block_.data() + value_offset(from),
               count * value_bytes);
}

void NodeWriter::copy(u32 to, const NodeReader& source, u32 from, u32 count) {
  assert(source.value_size_bytes() == value_size_bytes());
  for (u32 i = 0; i < count; ++i) set_key(to + i, source.key(from + i));
  if (count == 0) return;
  const std::span<const u8> values = source.values(from, count);
  std::memcpy(block_.data() + value_offset(to), values.data(), values.size());
}

}  // namespace bioscope::persistent_data
