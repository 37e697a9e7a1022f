// SPDX-License-Identifier: Apache-2.0
// What SmallFs writes to its device.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/interposer/block/block_device.h"

namespace bioscope::reference {

inline constexpr u64 kFsBlockSectors = 8;
inline constexpr std::size_t kFsBlockBytes = kFsBlockSectors * kSectorBytes;

struct FsSuper {
  u32 type = 0;
  u32 clean = 1;
  u64 generation = 1;
  u32 blocks = 0;           // of the whole file system
  u32 metadata_blocks = 0;  // room of each copy
  u32 copy = 0;             // which one holds
  u32 metadata_bytes = 0;
  u32 metadata_crc = 0;
};

struct FsFile {
  std::string name;
  u64 size_sectors = 0;
  std::map<u64, u32> blocks;
};

// 0: no such file system.
u32 type_number(std::string_view type);

// For a device of that size; no blocks: it is too small.
FsSuper new_super(std::string_view type, u64 size_sectors);
u32 first_data_block(const FsSuper& super);
// So many files have room in the metadata, whatever blocks they have.
std::size_t most_files(const FsSuper& super);

std::vector<u8> encode_metadata(const std::vector<FsFile>& files);
// False: damaged.
bool decode_metadata(const FsSuper& super, std::span<const u8> bytes, std::vector<FsFile>& files);

// 0 or an errno. Reading: EINVAL where there is no such superblock, EUCLEAN where the metadata does
// not fit its checksum.
int write_super_block(blk::BlockDevice& bdev, const FsSuper& super);
int read_super_block(blk::BlockDevice& bdev, FsSuper& super);
int write_metadata_copy(blk::BlockDevice& bdev, const FsSuper& super, std::span<const u8> bytes);
int read_metadata_copy(blk::BlockDevice& bdev, const FsSuper& super, std::vector<u8>& bytes);

}  // namespace bioscope::reference
