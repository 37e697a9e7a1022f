// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/metadata_space_map.h"

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "models/interposer/persistent_data/transaction_manager.h"

namespace bioscope::persistent_data {

MetadataSpaceMap::MetadataSpaceMap(TransactionManager& transactions)
    : transactions_(&transactions), counts_(transactions) {}

int MetadataSpaceMap::create(u64 superblock) {
  const u64 blocks = std::min(transactions_->block_manager().blocks(), kMaxMetadataBlocks);
  next_ = superblock + 1;
  creating_ = true;
  int error = counts_.create();
  if (error == 0) error = counts_.extend(blocks);
  creating_ = false;
  if (error != 0) return error;

  error = inc(superblock, next_ - superblock);
  if (error == 0) error = counts_.write_index();
  if (error != 0) return error;
  committed_.assign(1, counts_);
  given_out_ = 0;
  return 0;
}

int MetadataSpaceMap::open(const SpaceMapRoot& root) {
  if (const int error = counts_.open(root)) return error;
  committed_.assign(1, counts_);
  next_ = 0;
  given_out_ = 0;
  return 0;
}

u64 MetadataSpaceMap::nr_free() const {
  const SpaceMapRoot& committed = committed_.back().root();
  const u64 used = committed.nr_allocated + given_out_;
  return committed.nr_blocks - std::min(used, committed.nr_blocks);
}

OrErrno<u32> MetadataSpaceMap::count(u64 block) const {
  if (creating_) return block < next_ ? 1 : 0;
  const OrErrno<u32> count = counts_.lookup(block);
  if (!count) return count;
  return *count + static_cast<u32>(queued_adjustment(block));
}

OrErrno<bool> MetadataSpaceMap::is_shared(u64 block) const {
  if (creating_) return false;
  const int adjustment = queued_adjustment(block);
  if (adjustment > 1) return true;
  const OrErrno<u32> bits = counts_.lookup_bitmap(block);
  if (!bits) return std::unexpected(bits.error());
  return *bits == 3 || static_cast<int>(*bits) + adjustment > 1;
}

int MetadataSpaceMap::queued_adjustment(u64 block) const {
  int adjustment = 0;
  for (const Change& change : queued_) {
    if (block < change.begin || block - change.begin >= change.count) continue;
    adjustment += change.up ? 1 : -1;
  }
  return adjustment;
}

int MetadataSpaceMap::inc(u64 begin, u64 count) {
  return change({.up = true, .begin = begin, .count = count});
}

int MetadataSpaceMap::dec(u64 begin, u64 count) {
  return change({.up = false, .begin = begin, .count = count});
}

int MetadataSpaceMap::change(const Change& change) {
  if (creating_ || changing_) return enqueue(change);
  changing_ = true;
  const int error = apply(change);
  const int queued_error = apply_queued();
  changing_ = false;
  return error != 0 ? error : queued_error;
}

int MetadataSpaceMap::enqueue(const Change& change) {
  if (queued_.size() >= kMaxQueued) return ENOMEM;
  queued_.push_back(change);
  return 0;
}

int MetadataSpaceMap::apply(const Change& change) {
  return change.up ? counts_.inc(change.begin, change.count)
                   : counts_.dec(change.begin, change.count);
}

int MetadataSpaceMap::apply_queued() {
  while (!queued_.empty()) {
    // It stays in the queue, and so in every count, until it is done.
    const Change change = queued_.front();
    if (const int error = apply(change)) return error;
    queued_.pop_front();
  }
  return 0;
}

OrErrno<u64> MetadataSpaceMap::new_block() {
  if (creating_) {
    const u64 blocks = nr_blocks();
    if (blocks != 0 && next_ >= blocks) return std::unexpected(ENOSPC);
    return next_++;
  }
  OrErrno<u64> block = find_unused(next_);
  if (!block && block.error() == ENOSPC) block = find_unused(0);
  if (!block) return block;

  next_ = *block + 1;
  if (const int error = inc(*block, 1)) return std::unexpected(error);
  ++given_out_;
  return block;
}

OrErrno<u64> MetadataSpaceMap::find_unused(u64 begin) const {
  for (;;) {
    const OrErrno<u64> block = counts_.find_free(begin);
    if (!block) return block;
    const OrErrno<bool> good = may_be_given_out(*block);
    if (!good) return std::unexpected(good.error());
    if (*good) return block;
    begin = *block + 1;
  }
}

OrErrno<bool> MetadataSpaceMap::may_be_given_out(u64 block) const {
  for (const ReferenceCounts& committed : committed_) {
    if (block >= committed.root().nr_blocks) continue;
    const OrErrno<u32> count = committed.lookup(block);
    if (!count) return std::unexpected(count.error());
    if (*count != 0) return false;
  }
  return queued_adjustment(block) == 0;
}

void MetadataSpaceMap::superblock_issued() {
  assert(committed_.size() == 1);
  committed_.push_back(counts_);
  given_out_ = 0;
}

void MetadataSpaceMap::superblock_durable() {
  committed_.erase(committed_.begin(), std::prev(committed_.end()));
}

}  // namespace bioscope::persistent_data
