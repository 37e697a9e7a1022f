// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/pending_exceptions.h"

#include <utility>

#include "models/interposer/variants.h"

namespace bioscope::dm {

std::unique_ptr<PendingException> PendingExceptions::allocate(Snapshot& snapshot) {
  auto pending = std::make_unique<PendingException>(snapshot);
  count_.fetch_add(1);
  return pending;
}

void PendingExceptions::release(std::unique_ptr<PendingException> pending) {
  pending.reset();
  if (count_.fetch_sub(1) == 1) none_.wake_up_all();
}

void PendingExceptions::wait_until_none() {
  none_.wait_event([this] { return count_.load() == 0; });
}

PendingException* PendingExceptions::find(u64 chunk) const {
  const auto found = table_.find(chunk);
  return found == table_.end() ? nullptr : found->second.get();
}

PendingException* PendingExceptions::insert(std::unique_ptr<PendingException>& fresh, u64 chunk,
                                            ExceptionStore& store) {
  fresh->exception.old_chunk = chunk;
  if (store.prepare_exception(fresh->exception) != 0) return nullptr;
  fresh->sequence = start_sequence_++;
  return table_.emplace(chunk, std::move(fresh))->second.get();
}

std::unique_ptr<PendingException> PendingExceptions::take(PendingException& pending) {
  const auto [first, last] = table_.equal_range(pending.exception.old_chunk);
  for (auto each = first; each != last; ++each) {
    if (each->second.get() != &pending) continue;
    auto taken = std::move(each->second);
    table_.erase(each);
    return taken;
  }
  return nullptr;
}

void PendingExceptions::copied(PendingException& pending, std::vector<PendingException*>& ready) {
  if (planted(Defect::CommitsOutOfOrder)) {
    ready.push_back(&pending);
    return;
  }
  out_of_order_.emplace(pending.sequence, &pending);
  while (!out_of_order_.empty() && out_of_order_.begin()->first == complete_sequence_) {
    ready.push_back(out_of_order_.begin()->second);
    out_of_order_.erase(out_of_order_.begin());
    ++complete_sequence_;
  }
}

}  // namespace bioscope::dm
