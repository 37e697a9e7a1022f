// SPDX-License-Identifier: Apache-2.0
// The seal of a block: a checksum over all of it but the checksum itself, xored with a constant of
// the block's type, and the block's own number, so that a misdirected write shows.
#pragma once

#include "models/interposer/persistent_data/block_store.h"

namespace bioscope::persistent_data {

// Where a type of block keeps its number, and the constant of its checksum. The checksum is the
// first four bytes of every type (dm-block-manager.c: dm_bm_checksum).
struct Seal {
  std::size_t location_offset_bytes = 8;
  u32 checksum_xor = 0;
};

// One object for each type of block, compared by address (struct dm_block_validator).
struct BlockValidator {
  const char* name = "";
  Seal seal;
  // What else must hold in the block, beside its seal: 0, EILSEQ or EINVAL.
  int (*check_contents)(ConstBlock bytes) = nullptr;
};

// Writes number and checksum into the block (prepare_for_write).
void seal_block(const BlockValidator& validator, u64 location, Block bytes);

// ENOTBLK: the block says that it is another one. EILSEQ: the checksum or the contents are wrong.
[[nodiscard]] int check_block(const BlockValidator& validator, u64 location, ConstBlock bytes);

}  // namespace bioscope::persistent_data
