// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/era_metadata/era_metadata.h"

#include <algorithm>
#include <cerrno>

#include "models/interposer/persistent_data/little_endian.h"

namespace bioscope::dm {

using persistent_data::OrErrno;
using persistent_data::ReadLock;
using persistent_data::WriteLock;

int WritesetReferences::inc(std::span<const u8> values) const {
  for (std::size_t at = 0; at < values.size(); at += kWritesetRootBytes) {
    const WritesetRoot writeset = load_writeset_root(values.data() + at);
    if (const int error = transactions_->inc(writeset.root)) return error;
  }
  return 0;
}

int WritesetReferences::dec(std::span<const u8> values) const {
  for (std::size_t at = 0; at < values.size(); at += kWritesetRootBytes) {
    const WritesetRoot writeset = load_writeset_root(values.data() + at);
    if (const int error = bitsets_.erase(writeset.root)) return error;
  }
  return 0;
}

EraMetadata::EraMetadata(persistent_data::BlockStore& store, u32 block_size_sectors)
    : blocks_(store),
      transactions_(blocks_),
      current_bits_(transactions_),
      writeset_references_(transactions_),
      writeset_tree_(transactions_, writeset_references_),
      era_array_(transactions_, sizeof(u32)),
      block_size_sectors_(block_size_sectors),
      digest_(transactions_) {}

OrErrno<std::unique_ptr<EraMetadata>> EraMetadata::open(persistent_data::BlockStore& store,
                                                        u32 block_size_sectors, bool may_format) {
  std::unique_ptr<EraMetadata> metadata(new EraMetadata(store, block_size_sectors));
  if (const int error = metadata->open_or_format(may_format)) return std::unexpected(error);
  return metadata;
}

int EraMetadata::open_or_format(bool may_format) {
  bool unformatted = false;
  {
    const OrErrno<ReadLock> block = blocks_.read_lock(kEraSuperblock, nullptr);
    if (!block) return block.error();
    unformatted = std::ranges::all_of(block->bytes(), [](u8 byte) { return byte == 0; });
  }
  if (!unformatted) return load();
  return may_format ? format() : EPERM;
}

int EraMetadata::format() {
  if (const int error = transactions_.create(kEraSuperblock)) return error;
  const OrErrno<u64> tree = writeset_tree_.create();
  if (!tree) return tree.error();
  writeset_tree_root_ = *tree;
  const OrErrno<u64> array = era_array_.create();
  if (!array) return array.error();
  era_array_root_ = *array;

  if (const int error = transactions_.pre_commit()) return error;
  OrErrno<WriteLock> block = blocks_.write_lock_zero(kEraSuperblock, kEraSuperblockValidator);
  if (!block) return block.error();
  pack_superblock(superblock(), block->bytes());
  return transactions_.commit(std::move(*block));
}

int EraMetadata::load() {
  EraSuperblock disk;
  {
    const OrErrno<ReadLock> block = blocks_.read_lock(kEraSuperblock, &kEraSuperblockValidator);
    if (!block) return block.error();
    disk = unpack_superblock(block->bytes());
  }
  if (disk.data_block_size_sectors != block_size_sectors_) return EINVAL;
  if (const int error = transactions_.open(disk.space_map)) return error;
  nr_blocks_ = disk.nr_blocks;
  current_era_ = disk.current_era;
  current().on_disk = disk.current_writeset;
  writeset_tree_root_ = disk.writeset_tree_root;
  era_array_root_ = disk.era_array_root;
  metadata_snap_ = disk.metadata_snap;
  archived_writesets_ = true;
  return 0;
}

EraSuperblock EraMetadata::superblock() const {
  return {.space_map = transactions_.space_map().root(),
          .data_block_size_sectors = block_size_sectors_,
          .nr_blocks = nr_blocks_,
          .current_era = current_era_,
          .current_writeset = current().on_disk,
          .writeset_tree_root = writeset_tree_root_,
          .era_array_root = era_array_root_,
          .metadata_snap = metadata_snap_};
}

int EraMetadata::resize(u64 nr_blocks) {
  if (nr_blocks >= u64{1} << 31) return EINVAL;
  const u32 count = static_cast<u32>(nr_blocks);
  for (WritesetPair& writeset : writesets_) {
    if (const int error = writeset.in_core.resize(count)) return error;
  }
  constexpr std::array<u8, sizeof(u32)> kNeverWritten{};
  if (const int error = era_array_.resize(era_array_root_, nr_blocks_, count, kNeverWritten)) {
    return error;
  }
  nr_blocks_ = count;
  return 0;
}

int EraMetadata::archive() {
  WritesetRoot& writeset = current().on_disk;
  if (writeset.root == kEraSuperblock) return 0;
  if (const int error = current_bits_.flush(writeset.root)) return error;
  std::array<u8, kWritesetRootBytes> value{};
  store_writeset_root(value.data(), writeset);
  if (const int error = writeset_tree_.insert(writeset_tree_root_, current_era_, value)) {
    return error;
  }
  writeset.root = kEraSuperblock;
  archived_writesets_ = true;
  return 0;
}

OrErrno<WritesetRoot> EraMetadata::new_writeset(u32 nr_bits) {
  OrErrno<u64> root = current_bits_.create();
  if (!root) return std::unexpected(root.error());
  if (const int error = current_bits_.resize(*root, 0, nr_bits)) {
    // The first error is the one to tell; blocks that cannot be given back are only lost.
    static_cast<void>(current_bits_.erase(*root));
    return std::unexpected(error);
  }
  return WritesetRoot{.nr_bits = nr_bits, .root = *root};
}

int EraMetadata::new_era() {
  const u32 next = 1 - current_.load(std::memory_order_relaxed);
  writesets_[next].in_core.clear();
  current_bits_.forget();
  const OrErrno<WritesetRoot> root = new_writeset(nr_blocks_);
  if (!root) return root.error();
  writesets_[next].on_disk = *root;
  current_.store(next, std::memory_order_release);
  if (swap_hook_) swap_hook_();
  ++current_era_;
  return 0;
}

int EraMetadata::rollover() {
  if (const int error = archive()) return error;
  return new_era();
}

int EraMetadata::mark_on_disk(u32 block, bool& fresh) {
  WritesetPair& writeset = current();
  if (writeset.on_disk.root == kEraSuperblock) return EINVAL;
  if (block >= std::min(writeset.on_disk.nr_bits, writeset.in_core.bits())) return EINVAL;
  fresh = !writeset.in_core.marked(block);
  return fresh ? current_bits_.set(writeset.on_disk.root, block) : 0;
}

int EraMetadata::commit() {
  WritesetRoot& writeset = current().on_disk;
  if (writeset.root != kEraSuperblock) {
    if (const int error = current_bits_.flush(writeset.root)) return error;
  }
  if (const int error = transactions_.pre_commit()) return error;
  OrErrno<WriteLock> block = blocks_.write_lock(kEraSuperblock, kEraSuperblockValidator);
  if (!block) return block.error();
  pack_superblock(superblock(), block->bytes());
  return transactions_.commit(std::move(*block));
}

// dm-era-target.c: metadata_take_snap. The clone is a second reference to both trees.
int EraMetadata::take_snap() {
  if (metadata_snap_ != kEraSuperblock) return EINVAL;
  if (const int error = rollover()) return error;
  if (const int error = commit()) return error;
  return clone_superblock();
}

int EraMetadata::clone_superblock() {
  // Counted twice, the superblock is shared, and so its shadow is a copy in another block.
  if (const int error = transactions_.inc(kEraSuperblock)) return error;
  OrErrno<persistent_data::TransactionManager::Shadow> clone =
      transactions_.shadow_block(kEraSuperblock, kEraSuperblockValidator);
  if (!clone) {
    static_cast<void>(transactions_.dec(kEraSuperblock));
    return clone.error();
  }
  const u64 location = clone->lock.location();
  if (const int error = transactions_.inc(writeset_tree_root_)) {
    static_cast<void>(transactions_.dec(location));
    return error;
  }
  if (const int error = transactions_.inc(era_array_root_)) {
    static_cast<void>(transactions_.dec(writeset_tree_root_));
    static_cast<void>(transactions_.dec(location));
    return error;
  }
  metadata_snap_ = location;
  return 0;
}

int EraMetadata::drop_snap() {
  if (metadata_snap_ == kEraSuperblock) return EINVAL;
  const u64 location = std::exchange(metadata_snap_, kEraSuperblock);
  EraSuperblock clone;
  {
    const OrErrno<ReadLock> block = transactions_.read_lock(location, kEraSuperblockValidator);
    if (!block) return block.error();
    clone = unpack_superblock(block->bytes());
  }
  if (const int error = writeset_tree_.erase(clone.writeset_tree_root)) return error;
  if (const int error = era_array_.erase(clone.era_array_root)) return error;
  return transactions_.dec(location);
}

EraStatus EraMetadata::status() const {
  const persistent_data::MetadataSpaceMap& map = transactions_.space_map();
  return {.used_blocks = map.nr_blocks() - map.nr_free(),
          .total_blocks = map.nr_blocks(),
          .era = current_era_,
          .held_root = metadata_snap_};
}

}  // namespace bioscope::dm
