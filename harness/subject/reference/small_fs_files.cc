// SPDX-License-Identifier: Apache-2.0
// SmallFs: its files.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "harness/subject/reference/small_fs.h"
#include "models/interposer/block/submit.h"
#include "models/runtime/completion.h"

namespace bioscope::reference {
namespace {

constexpr u32 kNoBlock = 0;  // block 0 is the superblock's

}  // namespace

SmallFs::FilePtr SmallFs::find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(files_, [name](const FilePtr& file) { return file->name == name; });
  return found == files_.end() ? nullptr : *found;
}

SmallFs::FilePtr SmallFs::find_or_make(std::string_view name) {
  FilePtr file = find(name);
  if (file != nullptr) return file;
  file = std::make_shared<File>();
  file->name = name;
  files_.push_back(file);
  ++changes_;
  return file;
}

// A free block, in use from now on; kNoBlock: there is none.
u32 SmallFs::allocate() {
  const auto blocks = static_cast<u32>(used_.size());
  const u32 first = first_data_block(super_);
  for (u32 tried = first; tried < blocks; ++tried) {
    if (next_block_ >= blocks) next_block_ = first;
    const u32 block = next_block_++;
    if (used_[block] != 0) continue;
    used_[block] = 1;
    return block;
  }
  return kNoBlock;
}

int SmallFs::write(std::string_view name, Range range, std::span<u8> bytes, const Cause& cause) {
  if (unmounting_) return ENOENT;
  if (read_only_) return EROFS;
  const u64 block_sectors = bdev_->queue().limits().logical_block_bytes / kSectorBytes;
  if (range.first_sector % block_sectors != 0 || range.count_sectors % block_sectors != 0) {
    return EINVAL;
  }
  ++busy_;
  start_write();
  if (const int error = begin_change(); error != 0) {
    end_write();
    --busy_;
    return error;
  }
  const FilePtr file = find_or_make(name);
  ++file->users;
  file->lock.lock();
  // New blocks are zero around what is written; they belong to the file when the data is there.
  std::map<u64, u32> fresh;
  std::vector<std::unique_ptr<u8[]>> padded;
  std::vector<Transfer> transfers;
  int error = 0;
  for (u64 at = range.first_sector; at < range.end_sector() && error == 0;) {
    const u64 number = at / kFsBlockSectors;
    const u64 within = at % kFsBlockSectors;
    const u64 count = std::min(kFsBlockSectors - within, range.end_sector() - at);
    u8* memory = bytes.data() + (at - range.first_sector) * kSectorBytes;
    const auto known = file->blocks.find(number);
    if (known != file->blocks.end()) {
      transfers.push_back(
          {known->second * kFsBlockSectors + within, {memory, count * kSectorBytes}});
    } else if (const u32 block = allocate(); block == kNoBlock) {
      error = ENOSPC;
    } else {
      fresh[number] = block;
      if (count < kFsBlockSectors) {
        padded.push_back(std::make_unique<u8[]>(kFsBlockBytes));
        std::memcpy(padded.back().get() + within * kSectorBytes, memory, count * kSectorBytes);
        memory = padded.back().get();
      }
      transfers.push_back({block * kFsBlockSectors, {memory, kFsBlockBytes}});
    }
    at += count;
  }
  if (files_.size() > most_files(super_)) error = ENOSPC;
  if (error == 0) error = transfer(transfers, /*writes=*/true, cause);
  if (error != 0) {
    for (const auto& [number, block] : fresh) used_[block] = 0;
  } else {
    if (!fresh.empty() || range.end_sector() > file->size_sectors) ++changes_;
    file->blocks.merge(fresh);
    if (range.count_sectors > 0) {
      file->size_sectors = std::max(file->size_sectors, range.end_sector());
    }
  }
  file->lock.unlock();
  --file->users;
  end_write();
  --busy_;
  return error;
}

int SmallFs::read(std::string_view name, Range range, std::span<u8> bytes, const Cause& cause,
                  u64& count_sectors) {
  count_sectors = 0;
  const FilePtr file = find(name);
  if (file == nullptr || unmounting_) return ENOENT;
  if (range.first_sector >= file->size_sectors) return 0;
  const u64 end = std::min(range.end_sector(), file->size_sectors);
  ++busy_;
  ++file->users;
  std::vector<Transfer> transfers;
  for (u64 at = range.first_sector; at < end;) {
    const u64 within = at % kFsBlockSectors;
    const u64 count = std::min(kFsBlockSectors - within, end - at);
    u8* memory = bytes.data() + (at - range.first_sector) * kSectorBytes;
    const auto known = file->blocks.find(at / kFsBlockSectors);
    if (known == file->blocks.end()) {
      std::memset(memory, 0, count * kSectorBytes);
    } else {
      transfers.push_back(
          {known->second * kFsBlockSectors + within, {memory, count * kSectorBytes}});
    }
    at += count;
  }
  const int error = transfer(transfers, /*writes=*/false, cause);
  --file->users;
  --busy_;
  if (error == 0) count_sectors = end - range.first_sector;
  return error;
}

int SmallFs::sync(std::string_view name) {
  if (find(name) == nullptr || unmounting_) return ENOENT;
  ++busy_;
  int error = 0;
  if (!read_only_ && changes_ != written_changes_) {
    start_write();
    error = write_metadata();
    if (error == 0) error = write_super(/*clean=*/false);
    end_write();
  }
  if (error == 0) error = blk::blkdev_issue_flush(*bdev_);
  --busy_;
  return error;
}

int SmallFs::remove(std::string_view name) {
  if (find(name) == nullptr || unmounting_) return ENOENT;
  if (read_only_) return EROFS;
  ++busy_;
  start_write();
  int error = begin_change();
  const FilePtr file = find(name);  // another one may have removed it meanwhile
  if (error == 0 && file == nullptr) error = ENOENT;
  if (error == 0) {
    std::erase(files_, file);
    removed_.push_back(file);
    ++changes_;
  }
  end_write();
  --busy_;
  return error;
}

// All at once, neighbours in one bio; waits for every one. The first error.
int SmallFs::transfer(std::vector<Transfer>& transfers, bool writes, const Cause& cause) {
  struct All {
    rt::Completion done{"file_io"};
    u32 left = 1;  // and one of who submits
    int error = 0;
    void end() {
      if (--left == 0) done.complete();
    }
  } all;
  std::vector<iovec> segments;
  segments.reserve(transfers.size());  // bios keep addresses of its elements
  for (std::size_t i = 0; i < transfers.size();) {
    const u64 sector = transfers[i].sector;
    const std::size_t first = segments.size();
    u64 sectors = 0;
    for (; i < transfers.size() && transfers[i].sector == sector + sectors; ++i) {
      segments.push_back(transfers[i].memory);
      sectors += transfers[i].memory.iov_len / kSectorBytes;
    }
    blk::Bio* bio = blk::bio_alloc(bdev_, writes ? blk::BioOp::Write : blk::BioOp::Read,
                                   writes ? blk::kReqSync : 0, sector, sectors,
                                   std::span(segments).subspan(first));
    bio->cause = cause.operation;
    bio->context = &all;
    bio->end_io = [](blk::Bio& ended) {
      auto& state = *static_cast<All*>(ended.context);
      if (state.error == 0) state.error = ended.status;
      blk::bio_put(&ended);
      state.end();
    };
    ++all.left;
    blk::submit_bio(*bio);
  }
  if (cause.on_submitted) cause.on_submitted();
  all.end();
  all.done.wait();
  return all.error;
}

}  // namespace bioscope::reference
