// SPDX-License-Identifier: Apache-2.0
// A planted defect may well use what is freed: such a play must not take the hunt with it.
#pragma once

#include "harness/mutants/hunt.h"

namespace bioscope {

// Plays with defects in a process of their own, which `play` is copied into; without any, here. A
// process that dies is a History that crashed. Could not judge: no process can be made. Thread-safe
// if `play` is.
PlayVariant isolated(PlayVariant play);

}  // namespace bioscope
