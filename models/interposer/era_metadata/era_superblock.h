// SPDX-License-Identifier: Apache-2.0
// The superblock of dm-era's metadata (dm-era-target.c: struct superblock_disk; rule R57).
#pragma once

#include "models/interposer/persistent_data/reference_counts.h"
#include "models/interposer/persistent_data/validator.h"

namespace bioscope::dm {

inline constexpr u64 kEraSuperblock = 0;  // where it lies; as another block's number: none

// A write set on the disk: a bitset with a bit for each data block.
struct WritesetRoot {
  u32 nr_bits = 0;
  u64 root = kEraSuperblock;  // INVALID_WRITESET_ROOT
  bool operator==(const WritesetRoot&) const = default;
};

inline constexpr u32 kWritesetRootBytes = 12;  // packed: nr_bits, root
WritesetRoot load_writeset_root(const u8* at);
void store_writeset_root(u8* at, const WritesetRoot& root);

struct EraSuperblock {
  persistent_data::SpaceMapRoot space_map;
  u32 data_block_size_sectors = 0;
  u32 nr_blocks = 0;  // of the data device
  u32 current_era = 0;
  WritesetRoot current_writeset;
  // In a metadata snapshot only these two are kept alive.
  u64 writeset_tree_root = 0;
  u64 era_array_root = 0;
  u64 metadata_snap = kEraSuperblock;  // the block of the metadata snapshot
  bool operator==(const EraSuperblock&) const = default;
};

// Seal and magic (EILSEQ), version 1 (EINVAL).
extern const persistent_data::BlockValidator kEraSuperblockValidator;

// REQUIRES: the block has passed the validator.
EraSuperblock unpack_superblock(persistent_data::ConstBlock bytes);

// Flags and uuid become 0, as the kernel writes them.
void pack_superblock(const EraSuperblock& superblock, persistent_data::Block bytes);

}  // namespace bioscope::dm
