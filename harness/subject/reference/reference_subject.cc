// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/reference_subject.h"

#include <fmt/format.h>

#include <cassert>
#include <utility>

#include "harness/subject/reference/engine.h"

namespace bioscope {

// An engine for one trace: a spare one, or a new one.
class ReferenceSubject::Borrowed {
 public:
  explicit Borrowed(ReferenceSubject& subject) : subject_(subject) {
    {
      const std::lock_guard lock(subject_.mutex_);
      if (!subject_.spare_.empty()) {
        engine_ = std::move(subject_.spare_.back());
        subject_.spare_.pop_back();
      }
    }
    if (!engine_) {
      engine_ = std::make_unique<reference::Engine>(
          reference::EngineOptions{subject_.options_.watch, subject_.options_.max_steps});
    }
  }
  ~Borrowed() {
    const std::lock_guard lock(subject_.mutex_);
    subject_.spare_.push_back(std::move(engine_));
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

  reference::Engine& operator*() { return *engine_; }

 private:
  ReferenceSubject& subject_;
  std::unique_ptr<reference::Engine> engine_;
};

ReferenceSubject::ReferenceSubject(const ReferenceOptions& options) : options_(options) {}

ReferenceSubject::~ReferenceSubject() = default;

Capabilities ReferenceSubject::can() const {
  Capabilities can;
  for (std::size_t i = 0; i < kCapabilities; ++i) can.add(static_cast<Capability>(i));
  if (!options_.watch) can.drop(Capability::Hops);
  return can;
}

Result<History> ReferenceSubject::play(const Job& job, u64 seed, const DefectSet& defects) {
#ifndef BIOSCOPE_VARIANTS
  assert(defects.none() && "this program is built without variants");
#endif
  const Capabilities missing = needed_by(job.trace).without(can());
  if (!missing.empty()) {
    return could_not_judge(
        fmt::format("{} is not played: the reference lacks {}", job.name, to_text(missing)));
  }
  Borrowed engine(*this);
  History history = (*engine).play(job.trace, seed, defects);
  history.can = can();
  return history;
}

BatchOutcome ReferenceSubject::play(std::span<const BatchJob> jobs, const OnPlayed& on_played) {
  BatchOutcome outcome;
  outcome.can = can();
  outcome.plays.resize(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Play& made = outcome.plays[i];
    made.trace = jobs[i].job.trace;
    outcome.interrupted |= options_.interrupt != nullptr && options_.interrupt->raised();
    if (outcome.interrupted) {
      made.reason = "interrupted";
      continue;
    }
    auto history = play(jobs[i].job, jobs[i].seed, options_.defects);
    if (history) {
      made.end = PlayEnd::Played;
      made.history = std::move(*history);
    } else {
      made.end = PlayEnd::NotPlayed;
      made.reason = history.error().message;
    }
    if (on_played) on_played(i);
  }
  return outcome;
}

}  // namespace bioscope
