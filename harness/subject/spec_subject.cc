// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/spec_subject.h"

#include "models/spec/player.h"

namespace bioscope {

Capabilities SpecSubject::can() const {
  Capabilities can;
  for (std::size_t i = 0; i < kCapabilities; ++i) can.add(static_cast<Capability>(i));
  // Nothing runs that could be scheduled or watched.
  can.drop(Capability::Schedule);
  can.drop(Capability::Hops);
  return can;
}

Result<History> SpecSubject::play(const Job& job) {
  History history = perfect_history(job.trace);
  history.can = can();
  return history;
}

}  // namespace bioscope
