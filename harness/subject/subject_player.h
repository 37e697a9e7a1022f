// SPDX-License-Identifier: Apache-2.0
// Plays a batch on a subject that needs no boot, one trace after the other.
#pragma once

#include <memory>

#include "harness/subject/batch.h"
#include "harness/vm/interrupt.h"

namespace bioscope {

// Thread-safe if the subject is.
class SubjectPlayer final : public BatchPlayer {
 public:
  // REQUIRES: `interrupt` outlives the player; what it finds raised is not judged.
  SubjectPlayer(std::unique_ptr<Subject> subject, const Interrupt& interrupt)
      : subject_(std::move(subject)), interrupt_(interrupt) {}

  BatchOutcome play(std::span<const BatchJob> jobs, const OnPlayed& on_played) override;

 private:
  Play play(const Job& job);

  std::unique_ptr<Subject> subject_;
  const Interrupt& interrupt_;
};

}  // namespace bioscope
