// SPDX-License-Identifier: Apache-2.0
// From the kernel's hand-over to the first trace: file systems, modules, the assignment, and what
// this guest can do.
#pragma once

#include <string>

#include "models/base/result.h"
#include "models/channel/channel.h"

namespace bioscope {

Result<void> mount_system_folders();
// configfs may come with a module.
void mount_configfs();

Result<Assignment> read_assignment();

// Probed, not assumed: drivers, targets, programs, the probe's device.
Capabilities probe_capabilities(bool has_scsi_debug);

// One vCPU, so the clock may count instructions and the seed decides.
bool is_det_profile();

// Writes to the kernel's log, which is the console.
void mark(const std::string& line);

// Settings that traces are played under: no RT throttling, console quiet enough to be quick.
void prepare_kernel();

[[noreturn]] void power_off();
// For a kernel that is stuck: nothing is waited for.
[[noreturn]] void power_off_now();

}  // namespace bioscope
