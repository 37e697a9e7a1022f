// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/validator.h"

#include <cerrno>

#include "models/base/hash.h"
#include "models/interposer/persistent_data/little_endian.h"

namespace bioscope::persistent_data {
namespace {

u32 checksum(const Seal& seal, ConstBlock bytes) {
  // The kernel's crc32c() does not invert its result, ours does.
  return ~crc32c(bytes.subspan(sizeof(u32))) ^ seal.checksum_xor;
}

}  // namespace

void seal_block(const BlockValidator& validator, u64 location, Block bytes) {
  store_le<u64>(bytes.data() + validator.seal.location_offset_bytes, location);
  store_le<u32>(bytes.data(), checksum(validator.seal, bytes));
}

int check_block(const BlockValidator& validator, u64 location, ConstBlock bytes) {
  if (load_le<u64>(bytes.data() + validator.seal.location_offset_bytes) != location) {
    return ENOTBLK;
  }
  if (load_le<u32>(bytes.data()) != checksum(validator.seal, bytes)) return EILSEQ;
  return validator.check_contents == nullptr ? 0 : validator.check_contents(bytes);
}

}  // namespace bioscope::persistent_data
