// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/pools.h"

#include <bit>
#include <cassert>
#include <utility>

namespace bioscope::reference {
namespace {

constexpr std::size_t kSlabPages = 64;

}  // namespace

u8* PagePool::take() {
  if (spare_.empty()) {
    slabs_.push_back(std::make_unique_for_overwrite<u8[]>(kSlabPages * kPageBytes));
    for (std::size_t i = kSlabPages; i > 0; --i) {
      spare_.push_back(slabs_.back().get() + (i - 1) * kPageBytes);
    }
  }
  u8* page = spare_.back();
  spare_.pop_back();
  return page;
}

Buffer::Buffer(BufferPool& pool, std::size_t bytes)
    : pool_(&pool),
      bytes_(bytes),
      size_class_(static_cast<u32>(std::bit_width(bytes == 0 ? 0 : bytes - 1))) {
  assert(size_class_ < BufferPool::kClasses);
  auto& spare = pool.spare_[size_class_];
  if (spare.empty()) {
    memory_ = std::make_unique_for_overwrite<u8[]>(std::size_t{1} << size_class_);
    return;
  }
  memory_ = std::move(spare.back());
  spare.pop_back();
}

Buffer::~Buffer() {
  if (pool_ == nullptr || size_class_ >= BufferPool::kKeptClasses) return;
  pool_->spare_[size_class_].push_back(std::move(memory_));
}

}  // namespace bioscope::reference
