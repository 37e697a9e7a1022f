// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/persistent_data/block_manager.h"

#include <algorithm>
#include <cassert>
#include <cerrno>

namespace bioscope::persistent_data {

ReadLock& ReadLock::operator=(ReadLock&& other) noexcept {
  if (this == &other) return *this;
  unlock();
  buffer_ = std::exchange(other.buffer_, nullptr);
  return *this;
}

void ReadLock::unlock() {
  if (buffer_ == nullptr) return;
  assert(buffer_->readers > 0 && !buffer_->writer);
  --buffer_->readers;
  buffer_ = nullptr;
}

WriteLock& WriteLock::operator=(WriteLock&& other) noexcept {
  if (this == &other) return *this;
  unlock();
  buffer_ = std::exchange(other.buffer_, nullptr);
  return *this;
}

void WriteLock::unlock() {
  if (buffer_ == nullptr) return;
  assert(buffer_->writer && buffer_->readers == 0);
  buffer_->writer = false;
  buffer_->manager->mark_dirty(*buffer_);
  buffer_ = nullptr;
}

BlockManager::BlockManager(BlockStore& store, std::size_t cached_blocks)
    : store_(store), cached_blocks_(cached_blocks) {}

BlockManager::~BlockManager() {
  assert(std::ranges::none_of(
      buffers_, [](const Buffer& buffer) { return buffer.writer || buffer.readers > 0; }));
}

OrErrno<ReadLock> BlockManager::read_lock(u64 location, const BlockValidator* validator) {
  const OrErrno<Buffer*> buffer = validated(location, validator);
  if (!buffer) return std::unexpected(buffer.error());
  ++(*buffer)->readers;
  return ReadLock(*buffer);
}

OrErrno<WriteLock> BlockManager::write_lock(u64 location, const BlockValidator& validator) {
  const OrErrno<Buffer*> buffer = validated(location, &validator);
  if (!buffer) return std::unexpected(buffer.error());
  if ((*buffer)->readers > 0) return std::unexpected(EINVAL);
  (*buffer)->writer = true;
  return WriteLock(*buffer);
}

OrErrno<WriteLock> BlockManager::write_lock_zero(u64 location, const BlockValidator& validator) {
  const OrErrno<Buffer*> buffer = find_or_add(location, false);
  if (!buffer) return std::unexpected(buffer.error());
  if ((*buffer)->writer || (*buffer)->readers > 0) return std::unexpected(EINVAL);
  (*buffer)->bytes.fill(0);
  (*buffer)->validator = &validator;
  (*buffer)->writer = true;
  return WriteLock(*buffer);
}

OrErrno<Buffer*> BlockManager::validated(u64 location, const BlockValidator* validator) {
  const OrErrno<Buffer*> found = find_or_add(location, true);
  if (!found) return found;
  Buffer& buffer = **found;
  if (buffer.writer) return std::unexpected(EINVAL);
  if (buffer.validator == nullptr && validator != nullptr) {
    if (const int error = check_block(*validator, location, buffer.bytes)) {
      return std::unexpected(error);
    }
    buffer.validator = validator;
  }
  if (buffer.validator != validator) return std::unexpected(EINVAL);
  return found;
}

OrErrno<Buffer*> BlockManager::find_or_add(u64 location, bool read) {
  if (location >= blocks()) return std::unexpected(EIO);
  if (const auto found = index_.find(location); found != index_.end()) {
    buffers_.splice(buffers_.begin(), buffers_, found->second);
    return &*found->second;
  }
  if (const int error = make_room()) return std::unexpected(error);
  buffers_.emplace_front();
  Buffer& buffer = buffers_.front();
  buffer.manager = this;
  buffer.location = location;
  if (read) {
    if (const int error = store_.read(location, buffer.bytes)) {
      buffers_.pop_front();
      return std::unexpected(error);
    }
  }
  index_.emplace(location, buffers_.begin());
  return &buffer;
}

int BlockManager::make_room() {
  if (buffers_.size() < cached_blocks_) return 0;
  const auto idle = std::find_if(buffers_.rbegin(), buffers_.rend(), [](const Buffer& buffer) {
    return !buffer.writer && buffer.readers == 0;
  });
  if (idle == buffers_.rend()) return 0;
  if (idle->dirty) {
    if (const int error = write_back(*idle)) return error;
    std::erase(dirty_, &*idle);
  }
  index_.erase(idle->location);
  buffers_.erase(std::next(idle).base());
  return 0;
}

int BlockManager::write_back(Buffer& buffer) {
  assert(!buffer.writer);
  if (buffer.validator != nullptr) seal_block(*buffer.validator, buffer.location, buffer.bytes);
  if (const int error = store_.write(buffer.location, buffer.bytes)) return error;
  buffer.dirty = false;
  return 0;
}

void BlockManager::mark_dirty(Buffer& buffer) {
  if (std::exchange(buffer.dirty, true)) return;
  dirty_.push_back(&buffer);
}

int BlockManager::flush() {
  std::ranges::sort(dirty_, {}, &Buffer::location);
  int first_error = 0;
  for (Buffer* buffer : dirty_) {
    const int error = write_back(*buffer);
    if (first_error == 0) first_error = error;
  }
  std::erase_if(dirty_, [](const Buffer* buffer) { return !buffer->dirty; });
  const int error = store_.flush();
  return first_error != 0 ? first_error : error;
}

}  // namespace bioscope::persistent_data
