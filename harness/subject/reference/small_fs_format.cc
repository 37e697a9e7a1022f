// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/small_fs_format.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "models/base/bytes.h"
#include "models/base/hash.h"
#include "models/interposer/block/submit.h"

namespace bioscope::reference {
namespace {

constexpr u32 kMagic = 0x62696f66;
constexpr u32 kFewestBlocks = 32;
// Of the metadata, for each block of the file system: an extent takes at most 20 bytes, so a
// quarter of as many files as blocks has room with names of any length.
constexpr u32 kMetadataBytesPerBlock = 64;
constexpr std::size_t kSuperBytes = 9 * sizeof(u32);

u32 copy_start(const FsSuper& super) {
  return 1 + super.copy * super.metadata_blocks;
}

u64 block_sector(u32 block) {
  return u64{block} * kFsBlockSectors;
}

std::size_t whole_blocks(std::size_t bytes) {
  return (bytes + kFsBlockBytes - 1) / kFsBlockBytes * kFsBlockBytes;
}

}  // namespace

u32 type_number(std::string_view type) {
  if (type == "ext4") return 1;
  return type == "xfs" ? 2 : 0;
}

FsSuper new_super(std::string_view type, u64 size_sectors) {
  constexpr u64 kMostBlocks = 1U << 24;  // 64 GiB: the number of blocks in use is kept in memory
  FsSuper super;
  super.type = type_number(type);
  const u64 blocks = std::min(size_sectors / kFsBlockSectors, kMostBlocks);
  if (super.type == 0 || blocks < kFewestBlocks) return super;
  super.blocks = static_cast<u32>(blocks);
  super.metadata_blocks = static_cast<u32>(
      std::max<u64>(2, (blocks * kMetadataBytesPerBlock + kFsBlockBytes - 1) / kFsBlockBytes));
  return super;
}

u32 first_data_block(const FsSuper& super) {
  return 1 + 2 * super.metadata_blocks;
}

std::size_t most_files(const FsSuper& super) {
  return super.blocks / 4;
}

std::vector<u8> encode_metadata(const std::vector<FsFile>& files) {
  ByteWriter writer;
  writer.put_varint(files.size());
  for (const FsFile& file : files) {
    writer.put_string(file.name);
    writer.put_varint(file.size_sectors);
    writer.put_varint(file.blocks.size());
    u64 last_number = 0;
    i64 last_block = 0;
    for (const auto& [number, block] : file.blocks) {
      writer.put_varint(number - last_number);
      writer.put_signed(block - last_block);
      last_number = number;
      last_block = block;
    }
  }
  return writer.take();
}

bool decode_metadata(const FsSuper& super, std::span<const u8> bytes, std::vector<FsFile>& files) {
  ByteReader reader(bytes);
  std::vector<bool> owned(super.blocks, false);
  const u64 count = reader.get_varint();
  for (u64 i = 0; i < count && !reader.failed(); ++i) {
    FsFile file;
    file.name = reader.get_string(kFsBlockBytes);
    file.size_sectors = reader.get_varint();
    const u64 blocks = reader.get_varint();
    u64 number = 0;
    i64 block = 0;
    for (u64 j = 0; j < blocks && !reader.failed(); ++j) {
      number += reader.get_varint();
      block += reader.get_signed();
      if (block < first_data_block(super) || block >= super.blocks || owned[block]) return false;
      owned[block] = true;
      file.blocks[number] = static_cast<u32>(block);
    }
    files.push_back(std::move(file));
  }
  return !reader.failed();
}

int write_super_block(blk::BlockDevice& bdev, const FsSuper& super) {
  ByteWriter writer;
  for (const u32 word :
       {kMagic, super.type, super.clean, static_cast<u32>(super.generation), super.blocks,
        super.metadata_blocks, super.copy, super.metadata_bytes, super.metadata_crc}) {
    writer.put_u32le(word);
  }
  std::vector<u8> bytes = writer.take();
  ByteWriter crc;
  crc.put_u32le(crc32c(bytes));
  const std::vector<u8> crc_bytes = crc.take();
  bytes.insert(bytes.end(), crc_bytes.begin(), crc_bytes.end());
  bytes.resize(kFsBlockBytes, 0);
  return blk::blkdev_write(bdev, 0, bytes, blk::kReqSync | blk::kReqMeta | blk::kReqFua);
}

int read_super_block(blk::BlockDevice& bdev, FsSuper& super) {
  if (bdev.nr_sectors() < kFsBlockSectors) return EINVAL;
  std::array<u8, kFsBlockBytes> bytes{};
  if (const int error = blk::blkdev_read(bdev, 0, bytes); error != 0) return error;
  ByteReader reader(bytes);
  if (reader.get_u32le() != kMagic) return EINVAL;
  super.type = reader.get_u32le();
  super.clean = reader.get_u32le();
  super.generation = reader.get_u32le();
  super.blocks = reader.get_u32le();
  super.metadata_blocks = reader.get_u32le();
  super.copy = reader.get_u32le();
  super.metadata_bytes = reader.get_u32le();
  super.metadata_crc = reader.get_u32le();
  const u32 crc = reader.get_u32le();
  const bool holds = crc == crc32c(std::span(bytes).first(kSuperBytes));
  const bool sane = super.copy <= 1 &&
                    super.metadata_bytes <= super.metadata_blocks * kFsBlockBytes &&
                    first_data_block(super) < super.blocks;
  return holds && sane ? 0 : EINVAL;
}

int write_metadata_copy(blk::BlockDevice& bdev, const FsSuper& super, std::span<const u8> bytes) {
  std::vector<u8> padded(bytes.begin(), bytes.end());
  padded.resize(whole_blocks(bytes.size()), 0);
  return blk::blkdev_write(bdev, block_sector(copy_start(super)), padded,
                           blk::kReqSync | blk::kReqMeta);
}

int read_metadata_copy(blk::BlockDevice& bdev, const FsSuper& super, std::vector<u8>& bytes) {
  bytes.resize(whole_blocks(super.metadata_bytes));
  if (const int error = blk::blkdev_read(bdev, block_sector(copy_start(super)), bytes);
      error != 0) {
    return error;
  }
  bytes.resize(super.metadata_bytes);
  return crc32c(bytes) == super.metadata_crc ? 0 : EUCLEAN;
}

}  // namespace bioscope::reference
