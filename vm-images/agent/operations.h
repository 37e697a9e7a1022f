// SPDX-License-Identifier: Apache-2.0
// Performs one operation of a trace against the kernel. Device mapper's are in dm_operations.h.
#pragma once

#include "vm-images/agent/recorder.h"
#include "vm-images/agent/stage.h"
#include "vm-images/agent/workers.h"

namespace bioscope {

// What cannot be issued here at all, with the reason; nothing for what can. Asked before a trace
// starts, so that a trace is played whole or not at all.
std::optional<std::string> not_playable(const Operation& operation, bool has_probe);

// REQUIRES: not Wait, After or Signal, which concern the player's own threads.
Outcome perform(Stage& stage, Worker& worker, OperationId id);

Outcome perform_io(Stage& stage, Worker& worker, OperationId id);
Outcome perform_file_system(Stage& stage, Worker& worker, OperationId id);
Outcome perform_device(Stage& stage, OperationId id);
Outcome perform_raw_ioctl(Stage& stage, const Operation& operation);
Outcome perform_log_dump(Stage& stage, Worker& worker, OperationId id);

// Reads sectors into an outcome, or writes stamps of operation `id`. `fd` is open with O_DIRECT.
Outcome read_sectors(Worker& worker, int fd, Range range, int rw_flags);
Outcome write_stamps(Worker& worker, int fd, Range range, Stamp first, int rw_flags);

}  // namespace bioscope
