// SPDX-License-Identifier: Apache-2.0
// The completed exceptions of a snapshot: which chunks of the origin have a copy on the COW device,
// and where. struct dm_exception_table; ordered by origin chunk and allocated by need, where the
// kernel has up to 2 MiB of hash slots.
//
// Invariants:
//   E1  Runs of consecutive chunks with consecutive copies are one node. A node grows by one chunk
//       at either end (dm_insert_exception) and shrinks at either end, never in the middle.
//   E2  A chunk that is there already keeps its place.
// Not thread-safe: the snapshot's locks are around it.
#pragma once

#include <map>
#include <optional>

#include "models/base/types.h"

namespace bioscope::dm {

// struct dm_exception: one chunk.
struct Exception {
  u64 old_chunk = 0;  // on the origin
  u64 new_chunk = 0;  // on the COW device
  bool operator==(const Exception&) const = default;
};

class ExceptionTable {
 public:
  void insert(const Exception& exception);
  // dm_lookup_exception(): where the copy is.
  std::optional<u64> find(u64 old_chunk) const;
  // __remove_single_exception_chunk(). EINVAL: it is not there, or within a run.
  [[nodiscard]] int remove(u64 old_chunk);

  bool empty() const { return runs_.empty(); }
  u64 count() const { return count_; }  // chunks
  std::size_t runs() const { return runs_.size(); }

 private:
  struct Run {
    u64 new_chunk = 0;
    u64 count = 0;
  };
  using Runs = std::map<u64, Run>;  // by the first old chunk

  Runs::const_iterator run_of(u64 old_chunk) const;

  Runs runs_;
  u64 count_ = 0;
};

}  // namespace bioscope::dm
