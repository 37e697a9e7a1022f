// SPDX-License-Identifier: Apache-2.0
#include "harness/generate/random.h"

#include "harness/generate/writer.h"

namespace bioscope {

Trace generate(u64 seed, const GenerateOptions& options) {
  return TraceWriter(seed, options).write();
}

}  // namespace bioscope
