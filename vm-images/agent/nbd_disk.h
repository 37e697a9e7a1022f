// SPDX-License-Identifier: Apache-2.0
// Controlled disks: nbd devices of the kernel, served by the disk server.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "vm-images/agent/disk_server.h"
#include "vm-images/agent/disk_source.h"

namespace bioscope {

class NbdDisks : public DiskSource {
 public:
  explicit NbdDisks(DiskServer& server) : server_(server) {}
  Result<BlockDevice> provide(const Disk& disk) override;
  Result<void> take_back() override;

  // The server's number of a disk that is in use now.
  std::optional<u32> slot_of(const std::string& name) const;

 private:
  struct Made {
    Disk disk;  // the name is that of the last user
    File control;
    bool in_use = false;
  };
  Result<void> connect(Made& made, u32 slot);

  DiskServer& server_;
  std::deque<Made> made_;
};

}  // namespace bioscope
