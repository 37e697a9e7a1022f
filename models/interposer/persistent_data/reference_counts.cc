// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/reference_counts.h"

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "models/interposer/persistent_data/little_endian.h"
#include "models/interposer/persistent_data/transaction_manager.h"

namespace bioscope::persistent_data {
namespace {

// struct disk_metadata_index: seal, then 255 entries {block 64, nr_free 32, none_free_before 32}.
constexpr BlockValidator kIndexValidator{.name = "index", .seal = {.checksum_xor = 160478}};
constexpr std::size_t kIndexHeaderBytes = 16;
constexpr std::size_t kIndexEntryBytes = 16;

// struct disk_bitmap_header, then 64-bit words of 32 counts each.
constexpr BlockValidator kBitmapValidator{.name = "sm_bitmap", .seal = {.checksum_xor = 240779}};
constexpr std::size_t kBitmapHeaderBytes = 16;
constexpr u32 kCountsPerWord = 32;

constexpr PlainValues kCountValues{sizeof(u32)};

u64 word_of(ConstBlock bitmap, u32 entry) {
  return load_le<u64>(bitmap.data() + kBitmapHeaderBytes + entry / kCountsPerWord * sizeof(u64));
}

// The high bit of a count comes first (sm_lookup_bitmap).
u32 get_count(ConstBlock bitmap, u32 entry) {
  const u64 pair = word_of(bitmap, entry) >> (entry % kCountsPerWord * 2);
  return static_cast<u32>((pair & 1) << 1 | (pair >> 1 & 1));
}

void set_count(Block bitmap, u32 entry, u32 count) {
  assert(count <= 3);
  const u32 shift = entry % kCountsPerWord * 2;
  const u64 pair = u64{count >> 1} | u64{count & 1} << 1;
  const u64 word = (word_of(bitmap, entry) & ~(u64{3} << shift)) | pair << shift;
  store_le<u64>(bitmap.data() + kBitmapHeaderBytes + entry / kCountsPerWord * sizeof(u64), word);
}

// Both bits of each count folded into its low bit: a zero there is a free block.
bool word_is_used(u64 word) {
  constexpr u64 kLowBits = 0x5555555555555555;
  return ((word | word >> 1) & kLowBits) == kLowBits;
}

OrErrno<u32> find_zero(ConstBlock bitmap, u32 begin, u32 end) {
  for (u32 entry = begin; entry < end;) {
    if (entry % kCountsPerWord == 0 && word_is_used(word_of(bitmap, entry))) {
      entry += kCountsPerWord;
    } else if (get_count(bitmap, entry) == 0) {
      return entry;
    } else {
      ++entry;
    }
  }
  return std::unexpected(ENOSPC);
}

u32 bitmaps_for(u64 blocks) {
  return static_cast<u32>((blocks + kCountsPerBitmap - 1) / kCountsPerBitmap);
}

}  // namespace

// A bitmap block of this transaction. It is let go while the tree changes, because that can ask
// for blocks and so look at bitmaps.
class ReferenceCounts::OpenBitmap {
 public:
  OpenBitmap(TransactionManager& transactions, IndexEntry& entry)
      : transactions_(transactions), entry_(entry) {}

  int open() {
    OrErrno<TransactionManager::Shadow> shadow =
        transactions_.shadow_block(entry_.block, kBitmapValidator);
    if (!shadow) return shadow.error();
    lock_ = std::move(shadow->lock);
    entry_.block = lock_.location();
    return 0;
  }

  void let_go() { lock_.unlock(); }

  int reopen() {
    OrErrno<WriteLock> lock =
        transactions_.block_manager().write_lock(entry_.block, kBitmapValidator);
    if (!lock) return lock.error();
    lock_ = std::move(*lock);
    return 0;
  }

  u32 get(u64 block) const { return get_count(lock_.bytes(), entry_of(block)); }
  void set(u64 block, u32 count) { set_count(lock_.bytes(), entry_of(block), count); }

  // dm-space-map-common.c: sm_ll_inc_bitmap, sm_ll_dec_bitmap.
  void now_used(u64 block) {
    set(block, 1);
    --entry_.nr_free;
    if (entry_.none_free_before == entry_of(block)) ++entry_.none_free_before;
  }
  void now_free(u64 block) {
    set(block, 0);
    ++entry_.nr_free;
    entry_.none_free_before = std::min(entry_.none_free_before, entry_of(block));
  }

 private:
  static u32 entry_of(u64 block) { return static_cast<u32>(block % kCountsPerBitmap); }

  TransactionManager& transactions_;
  IndexEntry& entry_;
  WriteLock lock_;
};

ReferenceCounts::ReferenceCounts(TransactionManager& transactions)
    : transactions_(&transactions), ref_count_tree_(transactions, kCountValues) {}

int ReferenceCounts::create() {
  root_ = {};
  const OrErrno<WriteLock> index = transactions_->new_block(kIndexValidator);
  if (!index) return index.error();
  root_.index_block = index->location();
  const OrErrno<u64> tree = ref_count_tree_.create();
  if (!tree) return tree.error();
  root_.ref_count_root = *tree;
  return 0;
}

int ReferenceCounts::extend(u64 blocks) {
  const u32 old_bitmaps = bitmaps_for(root_.nr_blocks);
  if (blocks > kMaxMetadataBlocks - root_.nr_blocks) return EINVAL;
  root_.nr_blocks += blocks;  // first: new_block() asks for it
  for (u32 i = old_bitmaps; i < bitmaps_for(root_.nr_blocks); ++i) {
    const OrErrno<WriteLock> bitmap = transactions_->new_block(kBitmapValidator);
    if (!bitmap) return bitmap.error();
    index_[i] = {.block = bitmap->location(), .nr_free = kCountsPerBitmap, .none_free_before = 0};
    index_changed_ = true;
  }
  return 0;
}

int ReferenceCounts::open(const SpaceMapRoot& root) {
  if (root.nr_blocks > kMaxMetadataBlocks || root.nr_allocated > root.nr_blocks) return EINVAL;
  const OrErrno<ReadLock> block = transactions_->read_lock(root.index_block, kIndexValidator);
  if (!block) return block.error();
  const u8* at = block->bytes().data() + kIndexHeaderBytes;
  for (IndexEntry& entry : index_) {
    entry = {load_le<u64>(at), load_le<u32>(at + 8), load_le<u32>(at + 12)};
    at += kIndexEntryBytes;
  }
  root_ = root;
  index_changed_ = false;
  return 0;
}

int ReferenceCounts::write_index() {
  if (!index_changed_) return 0;
  OrErrno<TransactionManager::Shadow> shadow =
      transactions_->shadow_block(root_.index_block, kIndexValidator);
  if (!shadow) return shadow.error();
  root_.index_block = shadow->lock.location();
  u8* at = shadow->lock.bytes().data() + kIndexHeaderBytes;
  for (const IndexEntry& entry : index_) {
    store_le(at, entry.block);
    store_le(at + 8, entry.nr_free);
    store_le(at + 12, entry.none_free_before);
    at += kIndexEntryBytes;
  }
  index_changed_ = false;
  return 0;
}

OrErrno<u32> ReferenceCounts::lookup_bitmap(u64 block) const {
  if (block >= root_.nr_blocks) return std::unexpected(EINVAL);
  const IndexEntry& entry = index_[block / kCountsPerBitmap];
  const OrErrno<ReadLock> bitmap = transactions_->read_lock(entry.block, kBitmapValidator);
  if (!bitmap) return std::unexpected(bitmap.error());
  return get_count(bitmap->bytes(), static_cast<u32>(block % kCountsPerBitmap));
}

OrErrno<u32> ReferenceCounts::lookup(u64 block) const {
  const OrErrno<u32> bits = lookup_bitmap(block);
  if (!bits || *bits != 3) return bits;
  std::array<u8, sizeof(u32)> count{};
  if (const int error = ref_count_tree_.lookup(root_.ref_count_root, block, count)) {
    return std::unexpected(error);
  }
  return load_le<u32>(count.data());
}

OrErrno<u64> ReferenceCounts::find_free(u64 begin) const {
  if (begin >= root_.nr_blocks) return std::unexpected(ENOSPC);
  const u32 first = static_cast<u32>(begin / kCountsPerBitmap);
  const u32 bitmaps = bitmaps_for(root_.nr_blocks);
  for (u32 i = first; i < bitmaps; ++i) {
    const IndexEntry& entry = index_[i];
    if (entry.nr_free == 0) continue;
    const OrErrno<ReadLock> bitmap = transactions_->read_lock(entry.block, kBitmapValidator);
    if (!bitmap) return std::unexpected(bitmap.error());
    const u64 base = u64{i} * kCountsPerBitmap;
    const u32 from = i == first ? static_cast<u32>(begin % kCountsPerBitmap) : 0;
    const u32 to = static_cast<u32>(std::min<u64>(kCountsPerBitmap, root_.nr_blocks - base));
    const OrErrno<u32> found =
        find_zero(bitmap->bytes(), std::max(from, entry.none_free_before), to);
    if (found) return base + *found;
  }
  return std::unexpected(ENOSPC);
}

int ReferenceCounts::inc(u64 begin, u64 count) {
  return for_each_bitmap(begin, count, &ReferenceCounts::inc_one);
}

int ReferenceCounts::dec(u64 begin, u64 count) {
  return for_each_bitmap(begin, count, &ReferenceCounts::dec_one);
}

int ReferenceCounts::for_each_bitmap(u64 begin, u64 count, Change change) {
  if (begin > root_.nr_blocks || count > root_.nr_blocks - begin) return EINVAL;
  for (u64 block = begin; block < begin + count;) {
    const u64 index = block / kCountsPerBitmap;
    const u64 end = std::min(begin + count, (index + 1) * kCountsPerBitmap);
    OpenBitmap bitmap(*transactions_, index_[index]);
    index_changed_ = true;
    if (const int error = bitmap.open()) return error;
    for (; block < end; ++block) {
      if (const int error = (this->*change)(bitmap, block)) return error;
    }
  }
  return 0;
}

int ReferenceCounts::inc_one(OpenBitmap& bitmap, u64 block) {
  const u32 bits = bitmap.get(block);
  if (bits == 0) {
    bitmap.now_used(block);
    ++root_.nr_allocated;
    return 0;
  }
  if (bits == 1) {
    bitmap.set(block, 2);
    return 0;
  }
  bitmap.set(block, 3);
  bitmap.let_go();
  u32 old_count = bits;
  const int error = change_big_count(block, true, old_count);
  if (const int reopen_error = bitmap.reopen()) return reopen_error;
  if (error != 0) bitmap.set(block, bits);
  return error;
}

int ReferenceCounts::dec_one(OpenBitmap& bitmap, u64 block) {
  const u32 bits = bitmap.get(block);
  if (bits == 0) return EINVAL;
  if (bits == 1) {
    if (root_.nr_allocated == 0) return EILSEQ;
    bitmap.now_free(block);
    --root_.nr_allocated;
    return 0;
  }
  if (bits == 2) {
    bitmap.set(block, 1);
    return 0;
  }
  bitmap.let_go();
  u32 old_count = bits;
  const int error = change_big_count(block, false, old_count);
  if (const int reopen_error = bitmap.reopen()) return reopen_error;
  if (error == 0 && old_count == 3) bitmap.set(block, 2);
  return error;
}

// `old_count` is 2 for a count that is new in the tree; else it becomes what the tree had.
int ReferenceCounts::change_big_count(u64 block, bool up, u32& old_count) {
  std::array<u8, sizeof(u32)> value{};
  if (old_count == 3) {
    if (const int error = ref_count_tree_.lookup(root_.ref_count_root, block, value)) {
      return error == ENODATA ? EINVAL : error;
    }
    old_count = load_le<u32>(value.data());
    if (old_count < 3 || (up && old_count == ~u32{0})) return EILSEQ;
  }
  if (!up && old_count == 3) return ref_count_tree_.remove(root_.ref_count_root, block);
  store_le<u32>(value.data(), up ? old_count + 1 : old_count - 1);
  return ref_count_tree_.insert(root_.ref_count_root, block, value);
}

}  // namespace bioscope::persistent_data
