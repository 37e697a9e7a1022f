// SPDX-License-Identifier: Apache-2.0
// The specification as a subject: every operation returns what a subject that does everything right
// would return, one operation after the other (models/spec/player.h).
#pragma once

#include "harness/subject/subject.h"

namespace bioscope {

class SpecSubject final : public Subject {
 public:
  std::string_view name() const override { return "spec"; }
  Capabilities can() const override;

  // Never fails.
  Result<History> play(const Job& job) override;
};

}  // namespace bioscope
