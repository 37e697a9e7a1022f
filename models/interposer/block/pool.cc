// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/pool.h"

#include <deque>
#include <mutex>

namespace bioscope::blk {
namespace {

struct alignas(std::max_align_t) Header {
  Header* previous;
  Header* next;
};

#ifdef BIOSCOPE_VARIANTS
constexpr std::size_t kMaxKept = 4096;
#else
constexpr std::size_t kMaxKept = 0;
#endif

std::mutex tracked_lock;
// Given back, the oldest first (O3). Never destroyed: what it keeps would be a leak at the end.
std::deque<Header*>& kept = *new std::deque<Header*>;
Header tracked{&tracked, &tracked};

}  // namespace

void* tracked_new(std::size_t bytes) {
  auto* header = static_cast<Header*>(::operator new(sizeof(Header) + bytes));
  const std::lock_guard guard(tracked_lock);
  *header = {tracked.previous, &tracked};
  header->previous->next = header;
  tracked.previous = header;
  return header + 1;
}

void tracked_delete(void* block) {
  Header* header = static_cast<Header*>(block) - 1;
  {
    const std::lock_guard guard(tracked_lock);
    header->previous->next = header->next;
    header->next->previous = header->previous;
    kept.push_back(header);
    if (kept.size() <= kMaxKept) return;
    header = kept.front();
    kept.pop_front();
  }
  ::operator delete(header);
}

}  // namespace bioscope::blk
