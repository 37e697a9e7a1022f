// SPDX-License-Identifier: Apache-2.0
// Blocks of the store in memory: checked when they come in, sealed when they go out, locked while
// somebody looks at them (dm-block-manager.c on dm-bufio.c).
//
// Invariants:
//   B1  A buffer is held by readers or by one writer, never by both; a lock that would have to wait
//       for one that the caller itself holds is refused (EINVAL).
//   B2  A buffer with a validator has passed it since it was read, or was born under it.
//   B3  A buffer that was write-locked is dirty until it has been written without an error.
//   B4  At most `cached_blocks` buffers are kept beside those that are held. To make room, dirty
//       ones may be written before the flush: the transaction manager only ever writes to blocks
//       that no superblock on the disk refers to, and to the superblock itself right before a
//       flush.
#pragma once

#include <array>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "models/interposer/persistent_data/validator.h"

namespace bioscope::persistent_data {

class BlockManager;

struct Buffer {
  BlockManager* manager = nullptr;
  u64 location = 0;
  const BlockValidator* validator = nullptr;
  u32 readers = 0;
  bool writer = false;
  bool dirty = false;
  alignas(u64) std::array<u8, kBlockBytes> bytes{};
};

// Holds a buffer for reading until unlock() or the end of its life. Movable, may be empty.
class ReadLock {
 public:
  ReadLock() = default;
  ReadLock(ReadLock&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  ReadLock& operator=(ReadLock&& other) noexcept;
  ~ReadLock() { unlock(); }

  u64 location() const { return buffer_->location; }
  ConstBlock bytes() const { return buffer_->bytes; }
  void unlock();

 private:
  friend class BlockManager;
  explicit ReadLock(Buffer* buffer) : buffer_(buffer) {}
  Buffer* buffer_ = nullptr;
};

// The same for writing; the buffer is dirty when it is let go.
class WriteLock {
 public:
  WriteLock() = default;
  WriteLock(WriteLock&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  WriteLock& operator=(WriteLock&& other) noexcept;
  ~WriteLock() { unlock(); }

  u64 location() const { return buffer_->location; }
  Block bytes() { return buffer_->bytes; }
  ConstBlock bytes() const { return buffer_->bytes; }
  void unlock();

 private:
  friend class BlockManager;
  explicit WriteLock(Buffer* buffer) : buffer_(buffer) {}
  Buffer* buffer_ = nullptr;
};

class BlockManager {
 public:
  static constexpr std::size_t kCachedBlocks = 1024;

  // The store must outlive the manager, the manager its locks.
  explicit BlockManager(BlockStore& store, std::size_t cached_blocks = kCachedBlocks);
  BlockManager(const BlockManager&) = delete;
  BlockManager& operator=(const BlockManager&) = delete;
  ~BlockManager();

  u64 blocks() const { return store_.blocks(); }

  // EIO: there is no such block, or the store's own error. EINVAL: B1, or the block is in use as
  // one of another type. ENOTBLK, EILSEQ: it does not pass `validator` (null: it need not).
  OrErrno<ReadLock> read_lock(u64 location, const BlockValidator* validator);
  OrErrno<WriteLock> write_lock(u64 location, const BlockValidator& validator);

  // A block of zeroes whose former contents nobody wants: not read.
  OrErrno<WriteLock> write_lock_zero(u64 location, const BlockValidator& validator);

  // Writes all dirty buffers, ascending, then flushes the store. What could not be written stays
  // dirty; the first error is returned. REQUIRES: no writer holds a buffer.
  [[nodiscard]] int flush();

 private:
  friend class ReadLock;
  friend class WriteLock;
  using Buffers = std::list<Buffer>;

  OrErrno<Buffer*> find_or_add(u64 location, bool read);
  OrErrno<Buffer*> validated(u64 location, const BlockValidator* validator);
  int make_room();
  int write_back(Buffer& buffer);
  void mark_dirty(Buffer& buffer);

  BlockStore& store_;
  std::size_t cached_blocks_;
  Buffers buffers_;  // the most recently used first
  std::unordered_map<u64, Buffers::iterator> index_;
  std::vector<Buffer*> dirty_;
};

}  // namespace bioscope::persistent_data
