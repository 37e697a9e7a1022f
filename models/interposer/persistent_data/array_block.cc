// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/array_block.h"

#include <cassert>
#include <cerrno>
#include <cstring>

namespace bioscope::persistent_data {
namespace {

int check_array_block(ConstBlock bytes) {
  const ArrayBlockReader block(bytes);
  if (block.value_size_bytes() == 0) return EILSEQ;
  if (block.max_entries() != max_array_entries(block.value_size_bytes())) return EILSEQ;
  if (block.nr_entries() > block.max_entries()) return EILSEQ;
  return 0;
}

}  // namespace

constinit const BlockValidator kArrayValidator{
    .name = "array",
    .seal = {.location_offset_bytes = 16, .checksum_xor = 595846735},
    .check_contents = check_array_block};

void ArrayBlockWriter::format(u32 value_size_bytes) {
  store_le(block_.data() + 4, max_array_entries(value_size_bytes));
  store_le(block_.data() + 8, u32{0});
  store_le(block_.data() + 12, value_size_bytes);
}

void ArrayBlockWriter::set_value(u32 index, std::span<const u8> value) {
  assert(index < nr_entries() && value.size() == value_size_bytes());
  std::memcpy(block_.data() + value_offset(index), value.data(), value.size());
}

void ArrayBlockWriter::resize(u32 count, std::span<const u8> value) {
  assert(count <= max_entries());
  const u32 old_count = nr_entries();
  store_le(block_.data() + 8, count);
  for (u32 i = old_count; i < count; ++i) set_value(i, value);
}

}  // namespace bioscope::persistent_data
