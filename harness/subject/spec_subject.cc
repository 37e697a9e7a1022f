// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/spec_subject.h"

#include <fmt/format.h>

#include "models/spec/player.h"

namespace bioscope {

Capabilities SpecSubject::can() const {
  Capabilities can;
  for (std::size_t i = 0; i < kCapabilities; ++i) can.add(static_cast<Capability>(i));
  // Nothing runs that could be scheduled or watched, and power cuts are not described.
  for (const Capability missing : {Capability::PowerCut, Capability::Schedule, Capability::Hops}) {
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
