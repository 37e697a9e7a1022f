// SPDX-License-Identifier: Apache-2.0
// The disk server's loop: takes requests from the kernel's nbd sockets and commands from the agent,
// gives both to the ControlledDisks, and writes out what these answer.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "vm-images/agent/disk_server.h"

namespace bioscope {

// One thread, one process.
class NbdService {
 public:
  NbdService(int commands, int notices, std::atomic<u64>& activity);
  // Until the agent is gone.
  void run();

 private:
  struct Slot {
    File socket;
    std::unique_ptr<ControlledDisk> disk;
  };

  bool take_command();
  void obey(const DiskCommand& command, File socket);
  bool take_request(u32 slot);
  void react(u32 slot, const DiskReaction& reaction);

  File commands_;
  File notices_;
  std::atomic<u64>& activity_;
  std::vector<Slot> slots_;
};

}  // namespace bioscope
