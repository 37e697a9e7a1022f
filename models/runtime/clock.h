// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/base/types.h"

namespace bioscope::rt {

// jiffies in milliseconds. sim: virtual, 0 at the start of a run; it jumps to the next deadline
// when nothing else can run (or, with Options::clock Anytime, whenever the scheduler chooses).
u64 now_ms();

void sleep_ms(u64 duration_ms);

}  // namespace bioscope::rt
