// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/floors.h"

namespace bioscope {

std::vector<Floor> floors_of(const Marks& marks) {
  return {
      {"sectors read, judged bindingly", marks.reads_binding, marks.reads,
       kLeastBindingReadsPercent, true},
      {"operations that succeeded", marks.operations_succeeded, marks.operations,
       kLeastSucceededPercent, true},
      {"splits", marks.splits, 0, kLeastSplits, false},
      {"copy-outs", marks.copy_outs, 0, kLeastCopyOuts, false},
      {"attaches under I/O", marks.attaches_under_io, 0, kLeastAttachesUnderIo, false},
  };
}

}  // namespace bioscope
