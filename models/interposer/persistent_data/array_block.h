// SPDX-License-Identifier: Apache-2.0
// A block of packed values (dm-array.c: struct array_block): a header {checksum, max_entries,
// nr_entries, value_size, blocknr}, then the values.
#pragma once

#include "models/interposer/persistent_data/little_endian.h"
#include "models/interposer/persistent_data/validator.h"

namespace bioscope::persistent_data {

// REQUIRES: value_size_bytes > 0.
constexpr u32 max_array_entries(u32 value_size_bytes) {
  constexpr u32 kHeaderBytes = 24;
  return static_cast<u32>(kBlockBytes - kHeaderBytes) / value_size_bytes;
}

// Seal; a value size that is not 0, max_entries as it follows from it, no more entries than that:
// else EILSEQ.
extern const BlockValidator kArrayValidator;

// Does not own the block. REQUIRES, for every index: below nr_entries().
class ArrayBlockReader {
 public:
  explicit ArrayBlockReader(ConstBlock bytes) : bytes_(bytes) {}

  u32 max_entries() const { return load_le<u32>(bytes_.data() + 4); }
  u32 nr_entries() const { return load_le<u32>(bytes_.data() + 8); }
  u32 value_size_bytes() const { return load_le<u32>(bytes_.data() + 12); }
  std::span<const u8> value(u32 index) const {
    return bytes_.subspan(value_offset(index), value_size_bytes());
  }

 protected:
  std::size_t value_offset(u32 index) const { return 24 + std::size_t{index} * value_size_bytes(); }

 private:
  ConstBlock bytes_;
};

class ArrayBlockWriter : public ArrayBlockReader {
 public:
  explicit ArrayBlockWriter(Block bytes) : ArrayBlockReader(bytes), block_(bytes) {}

  // A block without entries.
  void format(u32 value_size_bytes);

  // REQUIRES, for both: value.size() == value_size_bytes(); count <= max_entries().
  void set_value(u32 index, std::span<const u8> value);
  // What is added is `value`.
  void resize(u32 count, std::span<const u8> value);

 private:
  Block block_;
};

}  // namespace bioscope::persistent_data
