// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/spec_subject.h"

#include <fmt/format.h>

#include "models/spec/player.h"

namespace bioscope {

Capabilities SpecSubject::can() const {
  Capabilities can;
  for (std::size_t i = 0; i < kCapabilities; ++i) can.add(static_cast<Capability>(i));
  // No rule in scope speaks of these.
  for (const Capability missing :
       {Capability::Signals, Capability::PowerCut, Capability::Schedule}) {
    can.drop(missing);
  }
  return can;
}

Result<History> SpecSubject::play(const Job& job) {
  const Capabilities missing = needed_by(job.trace).without(can());
  if (!missing.empty()) {
    return could_not_judge(
        fmt::format("{} is not played: the specification lacks {}", job.name, to_text(missing)));
  }
  History history = perfect_history(job.trace);
  history.can = can();
  return history;
}

}  // namespace bioscope
