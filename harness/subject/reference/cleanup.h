// SPDX-License-Identifier: Apache-2.0
// The end of a trace: what is left is let go and removed, and what could not be is told, in the
// words of the guest's agent.
#pragma once

#include <vector>

#include "harness/subject/reference/stage.h"

namespace bioscope::reference {

// Lets go of whatever may keep an operation: held requests, suspended devices, frozen file systems.
void let_go(Stage& stage);

// Closes, thaws, unmounts, removes. REQUIRES: let_go() was called, no operation is under way.
void clean_up(Stage& stage);

// What did not go back to zero, where it was before the trace.
std::vector<Leftover> find_leftovers(Stage& stage);

}  // namespace bioscope::reference
