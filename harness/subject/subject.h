// SPDX-License-Identifier: Apache-2.0
// A subject plays traces and yields histories. It judges nothing.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "models/base/result.h"
#include "models/trace/history.h"
#include "models/trace/trace.h"

namespace bioscope {

struct Job {
  std::string name;  // of the trace: its file's name, or "random-SEED"
  Trace trace;
};

class Subject {
 public:
  virtual ~Subject() = default;

  virtual std::string_view name() const = 0;
  virtual Capabilities can() const = 0;

  // Plays one trace. An Error means that nothing is known about the subject (host trouble); a
  // subject that crashed or hung is a History that says so.
  virtual Result<History> play(const Job& job) = 0;
};

}  // namespace bioscope
