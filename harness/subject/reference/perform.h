// SPDX-License-Identifier: Apache-2.0
// Performs one operation of a trace on the reference, with the errnos that system calls and the
// guest's agent give for the same operation on a kernel (docs/TRACE.md).
#pragma once

#include <functional>

#include "harness/subject/reference/outcome.h"
#include "harness/subject/reference/stage.h"

namespace bioscope::reference {

// Called when the bios of an operation have been submitted; may be empty.
using OnSubmitted = std::function<void()>;

// REQUIRES: not Wait, After or Signal, which concern the player's own threads.
Outcome perform(Stage& stage, const Step& step, const OnSubmitted& on_submitted);

Outcome perform_block(Stage& stage, const Step& step, const OnSubmitted& on_submitted);
Outcome perform_dm(Stage& stage, const Operation& operation);
Outcome perform_ioctl(Stage& stage, const Operation& operation);
Outcome perform_dump(Stage& stage, const Operation& operation);
Outcome perform_file_system(Stage& stage, const Step& step, const OnSubmitted& on_submitted);
Outcome perform_device(Stage& stage, const Step& step);

// A stamp of the operation in each sector; the first has number `first_sector`.
void write_stamps(const Stage& stage, const Step& step, std::span<u8> bytes);
SectorRuns read_stamps(std::span<const u8> bytes);

}  // namespace bioscope::reference
