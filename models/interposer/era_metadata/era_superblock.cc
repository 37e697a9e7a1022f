// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/era_metadata/era_superblock.h"

#include <algorithm>
#include <cerrno>

#include "models/interposer/persistent_data/little_endian.h"

namespace bioscope::dm {
namespace {

using persistent_data::kBlockBytes;
using persistent_data::load_le;
using persistent_data::store_le;

constexpr u64 kMagic = 2126579579;
constexpr u32 kVersion = 1;

// Offsets in bytes; the fields lie without gaps.
constexpr std::size_t kFlagsAt = 4;
constexpr std::size_t kUuidAt = 16;
constexpr std::size_t kUuidBytes = 16;
constexpr std::size_t kMagicAt = 32;
constexpr std::size_t kVersionAt = 40;
constexpr std::size_t kSpaceMapRootAt = 44;  // 128 bytes, of which a metadata space map uses 32
constexpr std::size_t kDataBlockSizeAt = 172;
constexpr std::size_t kMetadataBlockSizeAt = 176;
constexpr std::size_t kNrBlocksAt = 180;
constexpr std::size_t kCurrentEraAt = 184;
constexpr std::size_t kCurrentWritesetAt = 188;
constexpr std::size_t kWritesetTreeRootAt = 200;
constexpr std::size_t kEraArrayRootAt = 208;
constexpr std::size_t kMetadataSnapAt = 216;

int check_superblock(persistent_data::ConstBlock bytes) {
  if (load_le<u64>(bytes.data() + kMagicAt) != kMagic) return EILSEQ;
  return load_le<u32>(bytes.data() + kVersionAt) == kVersion ? 0 : EINVAL;
}

}  // namespace

constinit const persistent_data::BlockValidator kEraSuperblockValidator{
    .name = "superblock", .seal = {.checksum_xor = 146538381}, .check_contents = check_superblock};

WritesetRoot load_writeset_root(const u8* at) {
  return {.nr_bits = load_le<u32>(at), .root = load_le<u64>(at + sizeof(u32))};
}

void store_writeset_root(u8* at, const WritesetRoot& root) {
  store_le(at, root.nr_bits);
  store_le(at + sizeof(u32), root.root);
}

EraSuperblock unpack_superblock(persistent_data::ConstBlock bytes) {
  const u8* at = bytes.data();
  return {.space_map = {.nr_blocks = load_le<u64>(at + kSpaceMapRootAt),
                        .nr_allocated = load_le<u64>(at + kSpaceMapRootAt + 8),
                        .index_block = load_le<u64>(at + kSpaceMapRootAt + 16),
                        .ref_count_root = load_le<u64>(at + kSpaceMapRootAt + 24)},
          .data_block_size_sectors = load_le<u32>(at + kDataBlockSizeAt),
          .nr_blocks = load_le<u32>(at + kNrBlocksAt),
          .current_era = load_le<u32>(at + kCurrentEraAt),
          .current_writeset = load_writeset_root(at + kCurrentWritesetAt),
          .writeset_tree_root = load_le<u64>(at + kWritesetTreeRootAt),
          .era_array_root = load_le<u64>(at + kEraArrayRootAt),
          .metadata_snap = load_le<u64>(at + kMetadataSnapAt)};
}

void pack_superblock(const EraSuperblock& superblock, persistent_data::Block bytes) {
  u8* at = bytes.data();
  store_le(at + kFlagsAt, u32{0});
  std::fill_n(at + kUuidAt, kUuidBytes, u8{0});
  store_le(at + kMagicAt, kMagic);
  store_le(at + kVersionAt, kVersion);
  store_le(at + kSpaceMapRootAt, superblock.space_map.nr_blocks);
  store_le(at + kSpaceMapRootAt + 8, superblock.space_map.nr_allocated);
  store_le(at + kSpaceMapRootAt + 16, superblock.space_map.index_block);
  store_le(at + kSpaceMapRootAt + 24, superblock.space_map.ref_count_root);
  store_le(at + kDataBlockSizeAt, superblock.data_block_size_sectors);
  store_le(at + kMetadataBlockSizeAt, static_cast<u32>(kBlockBytes / kSectorBytes));
  store_le(at + kNrBlocksAt, superblock.nr_blocks);
  store_le(at + kCurrentEraAt, superblock.current_era);
  store_writeset_root(at + kCurrentWritesetAt, superblock.current_writeset);
  store_le(at + kWritesetTreeRootAt, superblock.writeset_tree_root);
  store_le(at + kEraArrayRootAt, superblock.era_array_root);
  store_le(at + kMetadataSnapAt, superblock.metadata_snap);
}

}  // namespace bioscope::dm
