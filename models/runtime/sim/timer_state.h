// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/runtime/run.h"
#include "models/runtime/sim/fiber.h"

namespace bioscope::rt::sim {

struct TimerState {
  Object object;  // pending on it: who waits until the function has returned
  Function function;
  bool running = false;
};

}  // namespace bioscope::rt::sim
