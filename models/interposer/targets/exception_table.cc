// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/exception_table.h"

#include <cerrno>
#include <iterator>

namespace bioscope::dm {

ExceptionTable::Runs::const_iterator ExceptionTable::run_of(u64 old_chunk) const {
  auto after = runs_.upper_bound(old_chunk);
  if (after == runs_.begin()) return runs_.end();
  const auto run = std::prev(after);
  return old_chunk - run->first < run->second.count ? run : runs_.end();
}

void ExceptionTable::insert(const Exception& exception) {
  const u64 old_chunk = exception.old_chunk;
  const auto after = runs_.upper_bound(old_chunk);
  if (after != runs_.begin()) {
    const auto before = std::prev(after);
    Run& run = before->second;
    const u64 offset = old_chunk - before->first;
    if (offset < run.count) return;  // E2
    if (offset == run.count && exception.new_chunk == run.new_chunk + run.count) {
      ++run.count;
      ++count_;
      return;
    }
  }
  ++count_;
  if (after != runs_.end() && after->first == old_chunk + 1 &&
      after->second.new_chunk == exception.new_chunk + 1) {
    auto node = runs_.extract(after);
    node.key() = old_chunk;
    node.mapped() = {exception.new_chunk, node.mapped().count + 1};
    runs_.insert(std::move(node));
    return;
  }
  runs_.emplace_hint(after, old_chunk, Run{exception.new_chunk, 1});
}

std::optional<u64> ExceptionTable::find(u64 old_chunk) const {
  const auto run = run_of(old_chunk);
  if (run == runs_.end()) return std::nullopt;
  return run->second.new_chunk + (old_chunk - run->first);
}

int ExceptionTable::remove(u64 old_chunk) {
  const auto found = run_of(old_chunk);
  if (found == runs_.end()) return EINVAL;
  const Run run = found->second;
  const bool first = old_chunk == found->first;
  if (!first && old_chunk != found->first + run.count - 1) return EINVAL;  // E1
  --count_;
  auto node = runs_.extract(found);
  if (run.count == 1) return 0;
  node.mapped().count = run.count - 1;
  if (first) {
    node.key() = old_chunk + 1;
    node.mapped().new_chunk = run.new_chunk + 1;
  }
  runs_.insert(std::move(node));
  return 0;
}

}  // namespace bioscope::dm
