// SPDX-License-Identifier: Apache-2.0
// Memory that one trace gives back for the next: pages of disks, buffers of I/O. Plain memory of
// the host, nothing of the runtime. Not thread-safe.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "models/base/types.h"

namespace bioscope::reference {

inline constexpr u32 kPageSectors = 8;
inline constexpr std::size_t kPageBytes = std::size_t{kPageSectors} * kSectorBytes;

class PagePool {
 public:
  // Contents undefined.
  u8* take();
  void give_back(u8* page) { spare_.push_back(page); }

 private:
  std::vector<std::unique_ptr<u8[]>> slabs_;
  std::vector<u8*> spare_;
};

class BufferPool;

// Goes back to its pool when it is destroyed.
class Buffer {
 public:
  Buffer() = default;
  Buffer(BufferPool& pool, std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::span<u8> bytes() const { return {memory_.get(), bytes_}; }

 private:
  BufferPool* pool_ = nullptr;
  std::unique_ptr<u8[]> memory_;
  std::size_t bytes_ = 0;
  u32 size_class_ = 0;
};

class BufferPool {
 private:
  friend class Buffer;
  static constexpr std::size_t kClasses = 27;      // of powers of two
  static constexpr std::size_t kKeptClasses = 20;  // larger ones are rare and not kept
  std::array<std::vector<std::unique_ptr<u8[]>>, kClasses> spare_;
};

}  // namespace bioscope::reference
