// SPDX-License-Identifier: Apache-2.0
// The reference interposer as a subject: the C++ block core, device mapper and targets in the
// simulated runtime. The same trace and seed give the same history.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "harness/subject/batch.h"
#include "harness/subject/subject.h"
#include "harness/vm/interrupt.h"
#include "models/interposer/variants.h"

namespace bioscope {

namespace reference {
class Engine;
}

struct ReferenceOptions {
  DefectSet defects;          // switched on while it plays
  bool watch = false;         // fills History::hops, for Capability::Hops
  u64 max_steps = 5'000'000;  // of the runtime; a run that needs more is a livelock: it has hung
  const Interrupt* interrupt = nullptr;  // of batches; may be null; outlives the subject
};

// Thread-safe.
class ReferenceSubject final : public Subject, public BatchPlayer {
 public:
  // REQUIRES: no defects in a program that is built without variants.
  explicit ReferenceSubject(const ReferenceOptions& options = {});
  ~ReferenceSubject() override;

  std::string_view name() const override { return "reference"; }
  Capabilities can() const override;

  // Could not judge: the trace needs a capability that the reference does not have. A deadlock or
  // livelock is a History that hung, with who waits for whom in its note; a check of the reference
  // that failed is one that crashed. The seed is that of the schedule.
  Result<History> play(const Job& job) override {
    return play(job, job.trace.seed, options_.defects);
  }
  // As play(), with other defects than those of the options.
  Result<History> play(const Job& job, u64 seed, const DefectSet& defects);

  BatchOutcome play(std::span<const BatchJob> jobs, const OnPlayed& on_played) override;

 private:
  class Borrowed;

  ReferenceOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<reference::Engine>> spare_;  // under mutex_
};

}  // namespace bioscope
