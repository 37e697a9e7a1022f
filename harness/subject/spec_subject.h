// SPDX-License-Identifier: Apache-2.0
// The specification as a subject: every operation returns what a subject that does everything right
// would return. Operations are played one at a time, in an order that the trace's edges allow.
#pragma once

#include "harness/subject/subject.h"

namespace bioscope {

class SpecSubject final : public Subject {
 public:
  std::string_view name() const override { return "spec"; }
  Capabilities can() const override;

  // Could not judge: the trace needs a capability that the specification does not have, or no order
  // of its operations satisfies its edges without two of them being under way at once.
  Result<History> play(const Job& job) override;
};

}  // namespace bioscope
