// SPDX-License-Identifier: Apache-2.0
// On the device, in blocks of 4096 bytes: block 0 the superblock, then two copies of the metadata,
// then data. Numbers are little endian.
#include "harness/subject/reference/small_fs.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "models/base/hash.h"
#include "models/interposer/block/freeze.h"
#include "models/interposer/block/submit.h"

namespace bioscope::reference {
int SmallFs::make(blk::BlockDevice& bdev, std::string_view type) {
  FsSuper super = new_super(type, bdev.nr_sectors());
  if (super.blocks == 0) return ENOSPC;
  const std::vector<u8> metadata = encode_metadata({});
  super.metadata_bytes = static_cast<u32>(metadata.size());
  super.metadata_crc = crc32c(metadata);
  if (const int error = write_metadata_copy(bdev, super, metadata); error != 0) return error;
  return write_super_block(bdev, super);
}

int SmallFs::check(blk::BlockDevice& bdev, std::string_view type, std::string& said) {
  FsSuper super;
  std::vector<u8> metadata;
  if (const int error = read_super_block(bdev, super); error != 0) {
    said = error == EINVAL ? "bad magic number in superblock" : "superblock cannot be read";
    return error == EINVAL ? EUCLEAN : error;
  }
  if (super.type != type_number(type)) {
    said = "superblock of another file system";
    return EUCLEAN;
  }
  if (super.clean == 0) {
    said = "was not cleanly unmounted";
    return EUCLEAN;
  }
  if (const int error = read_metadata_copy(bdev, super, metadata); error != 0) {
    said = "metadata cannot be read, or has a wrong checksum";
    return EUCLEAN;
  }
  std::vector<FsFile> files;
  if (!decode_metadata(super, metadata, files)) {
    said = "a block has two owners, or lies outside";
    return EUCLEAN;
  }
  said = "clean";
  return 0;
}

int SmallFs::mount(blk::System& system, std::string_view device, std::string_view type,
                   bool read_only, std::shared_ptr<SmallFs>& mounted) {
  std::shared_ptr<SmallFs> made(new SmallFs(read_only));
  if (const int error = system.open(device, made.get(), made->bdev_); error != 0) return error;
  blk::BlockDevice& bdev = *made->bdev_;
  int error = !read_only && bdev.read_only() ? EACCES : blk::set_super_block(bdev, *made);
  if (error != 0) {
    bdev.close(made.get());
    return error;
  }
  made->start_write();
  error = made->load(type);
  if (error == 0 && !read_only) error = made->write_super(/*clean=*/false);
  made->end_write();
  if (error != 0) {
    blk::clear_super_block(bdev);
    bdev.close(made.get());
    return error;
  }
  mounted = std::move(made);
  return 0;
}

int SmallFs::load(std::string_view type) {
  if (const int error = read_super_block(*bdev_, super_); error != 0) return error;
  if (!type.empty() && super_.type != type_number(type)) return EINVAL;
  if (super_.blocks * kFsBlockSectors > bdev_->nr_sectors()) return EINVAL;
  std::vector<u8> metadata;
  if (const int error = read_metadata_copy(*bdev_, super_, metadata); error != 0) return error;
  std::vector<FsFile> files;
  if (!decode_metadata(super_, metadata, files)) return EUCLEAN;
  used_.assign(super_.blocks, 0);
  next_block_ = first_data_block(super_);
  std::fill_n(used_.begin(), next_block_, u8{1});
  for (FsFile& file : files) {
    auto made = std::make_shared<File>();
    made->name = std::move(file.name);
    made->size_sectors = file.size_sectors;
    made->blocks = std::move(file.blocks);
    for (const auto& [number, block] : made->blocks) used_[block] = 1;
    files_.push_back(std::move(made));
  }
  return 0;
}

int SmallFs::unmount() {
  if (busy_ > 0 || unmounting_) return EBUSY;
  unmounting_ = true;
  if (frozen()) {
    unmounting_ = false;
    return EBUSY;
  }
  if (!read_only_) {
    start_write();
    static_cast<void>(write_metadata());
    static_cast<void>(write_super(/*clean=*/true));
    end_write();
  }
  blk::clear_super_block(*bdev_);
  bdev_->close(this);
  return 0;
}

// F4: after the metadata has been written.
void SmallFs::release_blocks() {
  std::erase_if(removed_, [this](const FilePtr& file) {
    if (file->users > 0) return false;
    for (const auto& [number, block] : file->blocks) used_[block] = 0;
    return true;
  });
}

// Whoever freezes may have found the file system just before it was unmounted.
int SmallFs::sync_fs() {
  if (read_only_ || unmounting_ || changes_ == written_changes_) return 0;
  if (const int error = write_metadata(); error != 0) return error;
  return write_super(/*clean=*/false);
}

int SmallFs::freeze_fs() {
  if (read_only_ || unmounting_) return 0;
  if (const int error = write_metadata(); error != 0) return error;
  return write_super(/*clean=*/true);
}

int SmallFs::unfreeze_fs() {
  if (!read_only_ && !unmounting_) static_cast<void>(write_super(/*clean=*/false));
  return 0;
}

// F2: to the copy that does not hold, durable before write_super() makes it the one that does.
int SmallFs::write_metadata() {
  metadata_lock_.lock();
  int error = 0;
  if (changes_ != written_changes_) {
    const u64 changes = changes_;
    std::vector<FsFile> files;
    for (const FilePtr& file : files_) {
      files.push_back({file->name, file->size_sectors, file->blocks});
    }
    const std::vector<u8> metadata = encode_metadata(files);
    FsSuper next = super_;
    next.copy = 1 - next.copy;
    next.metadata_bytes = static_cast<u32>(metadata.size());
    next.metadata_crc = crc32c(metadata);
    error = write_metadata_copy(*bdev_, next, metadata);
    if (error == 0) error = blk::blkdev_issue_flush(*bdev_);
    if (error == 0) {
      super_ = next;
      written_changes_ = changes;
    }
  }
  metadata_lock_.unlock();
  return error;
}

// F5. REQUIRES: between start_write() and end_write().
int SmallFs::begin_change() {
  return super_.clean == 0 ? 0 : write_super(/*clean=*/false);
}

int SmallFs::write_super(bool clean) {
  metadata_lock_.lock();
  FsSuper next = super_;
  next.clean = clean && changes_ == written_changes_ ? 1 : 0;
  ++next.generation;
  const int error = write_super_block(*bdev_, next);
  if (error == 0) {
    super_ = next;
    release_blocks();
  }
  metadata_lock_.unlock();
  return error;
}

}  // namespace bioscope::reference
