// SPDX-License-Identifier: Apache-2.0
// Frames to the host, through the window of shared memory if the machine has one, else byte by byte
// through the port (models/channel/window.h). Neither needs a driver, an interrupt or a lock of the
// kernel under test, so both work when that kernel is stuck.
#pragma once

#include <mutex>
#include <span>
#include <string>

#include "models/base/result.h"
#include "models/channel/channel.h"
#include "models/channel/window.h"

namespace bioscope {

// Thread-safe: one frame after the other.
class ChannelWriter {
 public:
  // Port permission belongs to the calling thread and those that it starts: call it first of all.
  // An Error: the guest has no way to speak but the console.
  Result<void> open_port();
  // REQUIRES: sysfs is mounted, and nothing was sent yet. Without a window the port stays.
  void open_window();

  void send(FrameType type, std::span<const u8> payload);
  void begin(u32 index);
  void trouble(const std::string& why);

 private:
  void write_port(std::span<const u8> bytes);
  void append_to_window(u64 before, std::span<const u8> bytes);

  std::mutex mutex_;
  u8* window_ = nullptr;
};

}  // namespace bioscope
