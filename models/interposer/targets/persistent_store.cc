// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/persistent_store.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "models/interposer/block/plug.h"
#include "models/interposer/dm/kcopyd.h"
#include "models/interposer/variants.h"
#include "models/runtime/run.h"
#include "models/runtime/thread.h"

namespace bioscope::dm {
namespace {

constexpr u32 kDefaultChunkSectors = 32;  // DM_CHUNK_SIZE_DEFAULT_SECTORS

}  // namespace

int PersistentStore::chunk_io(u64 chunk, blk::BioOp op, blk::OpFlags opf, std::span<u8> bytes) {
  return dm_io_sync({&cow(), chunk_to_sector(chunk), chunk_sectors()}, op, opf, bytes);
}

int PersistentStore::area_io(blk::BioOp op, blk::OpFlags opf) {
  return chunk_io(layout().area_chunk(current_area_.load()), op, opf, area_);
}

int PersistentStore::zero_area(u64 area) {
  std::vector<u8> zeroes(chunk_bytes());
  return chunk_io(layout().area_chunk(area), blk::BioOp::Write, 0, zeroes);
}

// A device that is smaller than a chunk has no room for a buffer of that size either (F3).
int PersistentStore::read_header(std::optional<CowHeader>& header) {
  if (chunk_sectors() == 0) {
    const u32 block = cow().queue().limits().logical_block_bytes / kSectorBytes;
    set_default_chunk_size(std::max(kDefaultChunkSectors, block));
  }
  if (cow().nr_sectors() < chunk_sectors()) return EIO;
  std::vector<u8> chunk(chunk_bytes());
  if (const int error = chunk_io(0, blk::BioOp::Read, 0, chunk); error != 0) return error;
  const CowHeader found = read_cow_header(chunk);
  if (found.magic == 0) return 0;
  if (found.magic != kCowMagic) return ENXIO;
  header = found;
  if (found.chunk_sectors == chunk_sectors()) return 0;
  return set_chunk_size(found.chunk_sectors).empty() ? 0 : EINVAL;
}

int PersistentStore::write_header() {
  std::vector<u8> chunk(chunk_bytes());
  write_cow_header({kCowMagic, valid_.load() ? 1U : 0U, kCowVersion, chunk_sectors()}, chunk);
  return chunk_io(0, blk::BioOp::Write, 0, chunk);
}

int PersistentStore::start_anew() {
  if (const int error = write_header(); error != 0) return error;
  area_.assign(chunk_bytes(), 0);
  return zero_area(0);
}

int PersistentStore::read_exceptions(const Add& add) {
  CowScan scan(layout());
  do {
    const u64 first_sector = chunk_to_sector(scan.next_chunk());
    const u64 size_sectors = cow().nr_sectors();
    if (first_sector > size_sectors || size_sectors - first_sector < chunk_sectors()) return EIO;
    area_.resize(chunk_bytes());
    if (const int error = chunk_io(scan.next_chunk(), blk::BioOp::Read, 0, area_); error != 0) {
      return error;
    }
    const int error =
        scan.take(area_, [&](const CowEntry& entry) { add({entry.old_chunk, entry.new_chunk}); });
    if (error != 0) return error;
  } while (!scan.finished());
  current_area_.store(scan.area());
  committed_ = scan.committed();
  next_free_.store(scan.next_free());
  return 0;
}

int PersistentStore::read_metadata(const Add& add, bool& invalid) {
  std::optional<CowHeader> header;
  if (const int error = read_header(header); error != 0) return error;
  if (!header) return start_anew();
  if (header->version != kCowVersion) return EINVAL;
  valid_.store(header->valid != 0);
  if (header->valid == 0) {
    invalid = true;
    return 0;
  }
  return read_exceptions(add);
}

u64 PersistentStore::next_after(u64 chunk) const {
  return planted(Defect::AllocatesMetadata) ? chunk + 1 : layout().skip_metadata(chunk + 1);
}

int PersistentStore::prepare_exception(Exception& exception) {
  u64 chunk = next_free_.load();
  const bool full = chunk >= sector_to_chunk(cow().nr_sectors());
  if (full && planted(Defect::FullStoreWraps)) chunk = layout().first_free();
  if (full && !planted(Defect::FullStoreWraps)) return ENOSPC;
  exception.new_chunk = chunk;
  next_free_.store(next_after(chunk));
  pending_.fetch_add(1);
  return 0;
}

void PersistentStore::commit_exception(const Exception& exception, bool valid,
                                       Committed committed) {
  if (area_.empty()) {
    rt::fail("persistent snapshot: an exception is committed to a store that was never read");
    return;
  }
  if (!valid) valid_.store(false);
  write_cow_entry({exception.old_chunk, exception.new_chunk}, area_, committed_++);
  waiting_.push_back(std::move(committed));
  const bool others = pending_.fetch_sub(1) != 1;
  if (others && !area_full()) return;  // K1

  if (area_full() && !planted(Defect::AreaNotZeroed) && zero_area(current_area_.load() + 1) != 0) {
    valid_.store(false);
  }
  blk::OpFlags opf = blk::kReqPreflush | blk::kReqFua | blk::kReqSync;
  if (planted(Defect::CommitWithoutFlush)) opf = blk::kReqSync;
  if (valid_.load() && area_io(blk::BioOp::Write, opf) != 0) valid_.store(false);
  if (area_full()) {
    committed_ = 0;
    current_area_.fetch_add(1);
    std::ranges::fill(area_, u8{0});
  }
  const bool success = valid_.load();
  for (Committed& each : std::exchange(waiting_, {})) each(success);
}

std::expected<MergeRun, int> PersistentStore::prepare_merge() {
  if (committed_ == 0) {
    if (current_area_.load() == 0) return MergeRun{};
    current_area_.fetch_sub(1);
    if (const int error = area_io(blk::BioOp::Read, 0); error != 0) return std::unexpected(error);
    committed_ = layout().entries_per_area();
  }
  if (planted(Defect::MergesFirstFirst)) {
    const CowEntry first = read_cow_entry(area_, 0);
    return MergeRun{first.old_chunk, first.new_chunk, 1};
  }
  const CowEntry last = read_cow_entry(area_, committed_ - 1);
  u32 count = 1;
  while (count < committed_) {
    const CowEntry before = read_cow_entry(area_, committed_ - 1 - count);
    if (before.old_chunk != last.old_chunk - count || before.new_chunk != last.new_chunk - count) {
      break;
    }
    ++count;
  }
  return MergeRun{last.old_chunk, last.new_chunk, count};
}

int PersistentStore::commit_merge(u32 count) {
  for (u32 i = 0; i < count; ++i) write_cow_entry({}, area_, committed_ - 1 - i);
  if (const int error = area_io(blk::BioOp::Write, blk::kReqPreflush | blk::kReqFua); error != 0) {
    return error;
  }
  committed_ -= count;
  // Only the status needs it from now on: what it would be had all been committed in order.
  next_free_.store(layout().area_chunk(current_area_.load()) + committed_ + 1);
  return 0;
}

// The submitter cannot wait for a bio of his own: what he submits is queued behind the one that he
// is in (R7). So another thread writes, as ksnaphd does.
void PersistentStore::drop_snapshot() {
  valid_.store(false);
  if (planted(Defect::HeaderStaysValid)) return;
  blk::flush_plug();
  rt::Thread ksnaphd("ksnaphd", [this] { (void)write_header(); });
}

StoreUsage PersistentStore::usage() const {
  const u64 metadata_chunks =
      current_area_.load() + (planted(Defect::StatusMetadata) ? 0 : 1) + kCowHeaderChunks;
  return {next_free_.load() * chunk_sectors(), cow().nr_sectors(),
          metadata_chunks * chunk_sectors()};
}

}  // namespace bioscope::dm
