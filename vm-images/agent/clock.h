// SPDX-License-Identifier: Apache-2.0
// The guest's clock. In profile det it counts instructions, so it may decide things; in profile smp
// it runs with the host.
#pragma once

#include "models/base/types.h"

namespace bioscope {

u64 now_ns();  // CLOCK_MONOTONIC
void sleep_ns(u64 duration_ns);
// Sleeps until the clock is a multiple of `step_ns`: a trace's run then does not depend on how many
// instructions the one before it took.
void sleep_to_boundary(u64 step_ns);

inline constexpr u64 kMillisecondNs = 1'000'000;

}  // namespace bioscope
