// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/block/pool.h"

#include <mutex>

namespace bioscope::blk {
namespace {

struct alignas(std::max_align_t) Header {
  Header* previous;
  Header* next;
};

std::mutex tracked_lock;
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
  }
  ::operator delete(header);
}

}  // namespace bioscope::blk
