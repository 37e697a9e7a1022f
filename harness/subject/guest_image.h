// SPDX-License-Identifier: Apache-2.0
// The guest's root file system: the agent as PID 1, the programs it calls, the modules it loads.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/kernel/kernel.h"
#include "models/base/result.h"
#include "models/trace/capability.h"

namespace bioscope {

struct GuestParts {
  Kernel kernel;
  std::optional<std::filesystem::path> modules_dir;  // --modules: takes the place of the kernel's
  std::filesystem::path agent;
  std::filesystem::path probe;  // the probe module; left out if missing or for another kernel
};

struct GuestImage {
  std::string archive;                        // all but /traces; the same for every boot
  Capabilities can_at_most;                   // what the parts that are in it allow
  std::vector<std::string> replaced_modules;  // of --modules, that the guest loads
};

// Could not judge: the agent, a program or a module is missing; --modules holds no module that the
// guest loads.
Result<GuestImage> build_guest_image(const GuestParts& parts);

}  // namespace bioscope
