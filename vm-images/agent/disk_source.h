// SPDX-License-Identifier: Apache-2.0
// Where the disks of a trace come from: one source for each kind. A source keeps what it made and
// gives it to a later trace that asks for equal parameters, empty as a new one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/base/result.h"
#include "models/trace/trace.h"
#include "vm-images/agent/devices.h"

namespace bioscope {

// Whether one disk can stand for the other: all but the name.
bool same_parameters(const Disk& a, const Disk& b);

// The node's device number into `device`; false if there is no such block device.
bool fill_number(BlockDevice& device);

// BLKROSET. 0 or a positive errno.
int set_read_only(const std::string& node, bool read_only);

// Called by one thread at a time.
class DiskSource {
 public:
  virtual ~DiskSource() = default;

  // A disk, empty, under its name in the trace. An Error (CouldNotJudge) says what cannot be had.
  virtual Result<BlockDevice> provide(const Disk& disk) = 0;

  // Empties all that was provided, to be provided again. REQUIRES: nobody uses them any more.
  // An Error: one of them cannot be brought back, so the guest must not be used any longer.
  virtual Result<void> take_back() = 0;
};

std::unique_ptr<DiskSource> make_null_disks();
std::unique_ptr<DiskSource> make_loop_disks();
std::unique_ptr<DiskSource> make_scsi_disks(std::string module_path);

}  // namespace bioscope
