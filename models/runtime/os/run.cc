// SPDX-License-Identifier: Apache-2.0
#include "models/runtime/run.h"

#include <mutex>
#include <utility>

#include "models/runtime/os/task.h"

namespace bioscope::rt {
namespace {

struct Failure {
  std::mutex lock;
  bool failed = false;
  std::string message;
};

Failure& failure() {
  static Failure instance;
  return instance;
}

}  // namespace

Outcome run(const RunOptions& /*options*/, Function program) {
  {
    const std::lock_guard guard(failure().lock);
    failure().failed = false;
    failure().message.clear();
  }
  os::restart_task_numbers();
  program();
  program = nullptr;
  Outcome outcome;
  const std::lock_guard guard(failure().lock);
  if (failure().failed) outcome.end = End::Failed;
  outcome.message = failure().message;
  return outcome;
}

void fail(std::string message) {
  const std::lock_guard guard(failure().lock);
  if (failure().failed) return;
  failure().failed = true;
  failure().message = std::move(message);
}

bool stopping() {
  return false;
}

}  // namespace bioscope::rt
