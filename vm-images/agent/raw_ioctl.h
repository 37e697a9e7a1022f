// SPDX-License-Identifier: Apache-2.0
// The text of an `ioctl` operation: a DM ioctl field by field, for what libdevmapper would refuse
// before the kernel sees it.
//     command=WORD|NR [name=] [uuid=] [device=NAME] [dev=MAJOR:MINOR] [version=4.0.0] [flags=a,b]
//     [data-size=N] [targets=N] [uid=N] [table=REST]
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/base/result.h"
#include "vm-images/agent/devices.h"

namespace bioscope {

struct RawIoctl {
  u32 command = 0;
  std::vector<u8> bytes;  // struct dm_ioctl and what follows it
  std::optional<u32> uid;
};

// BadInput: what is wrong with the text.
Result<RawIoctl> build_raw_ioctl(const std::string& text, const DeviceTable& devices);

}  // namespace bioscope
