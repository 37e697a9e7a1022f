// SPDX-License-Identifier: Apache-2.0
// Whether it is the guest's kernel that is to blame for how a machine ended.
#pragma once

#include <string_view>

#include "harness/vm/machine.h"

namespace bioscope {

// After the agent has spoken. A guest that was merely switched off, or whose agent died by itself,
// tells nothing about its kernel.
bool is_kernels_doing(MachineEnd end, std::string_view console);

}  // namespace bioscope
