// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/work_list.h"

#include <algorithm>

namespace bioscope::rt {

Work::~Work() {
  if (pending_) fail("a work was destroyed while it was queued");
}

bool WorkList::queue(Work& work) {
  if (work.pending_) return false;
  work.pending_ = true;
  work.number_ = ++last_number_;
  pending_.push_back(&work);
  return true;
}

Work* WorkList::take() {
  if (running_.size() >= max_active_) return nullptr;
  const auto found =
      std::ranges::find_if(pending_, [this](const Work* work) { return !running(work); });
  if (found == pending_.end()) return nullptr;
  Work* work = *found;
  pending_.erase(found);
  work->pending_ = false;
  running_.push_back({work, work->number_});
  return work;
}

u32 WorkList::takeable() const {
  const auto ready = static_cast<std::size_t>(
      std::ranges::count_if(pending_, [this](const Work* work) { return !running(work); }));
  return static_cast<u32>(std::min(ready, max_active_ - running_.size()));
}

void WorkList::finish(const Work* work) {
  std::erase_if(running_, [work](const Running& each) { return each.work == work; });
}

bool WorkList::remove(Work& work) {
  if (!work.pending_) return false;
  work.pending_ = false;
  std::erase(pending_, &work);
  return true;
}

bool WorkList::running(const Work* work) const {
  return std::ranges::find(running_, work, &Running::work) != running_.end();
}

bool WorkList::busy(const Work* work) const {
  return running(work) || std::ranges::find(pending_, work) != pending_.end();
}

bool WorkList::finished_up_to(u64 number) const {
  return std::ranges::none_of(pending_,
                              [&](const Work* work) { return work->number_ <= number; }) &&
         std::ranges::none_of(running_, [&](const Running& each) { return each.number <= number; });
}

}  // namespace bioscope::rt
