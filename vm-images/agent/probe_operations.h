// SPDX-License-Identifier: Apache-2.0
// Operations that only the probe module can issue: bios as they are written, freeze and thaw of
// bare devices.
#pragma once

#include "vm-images/agent/operations.h"

namespace bioscope {

// Submits one bio, says so to the worker, waits for its end. REQUIRES: stage.probe.
Outcome perform_bio(Stage& stage, Worker& worker, OperationId id);

// freeze_bdev() or thaw_bdev(). REQUIRES: stage.probe.
Outcome freeze_device(Stage& stage, const std::string& name, bool thaw);

}  // namespace bioscope
