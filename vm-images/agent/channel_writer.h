// SPDX-License-Identifier: Apache-2.0
// Frames to the host: bytes written to QEMU's isa-debugcon port. Such a write needs no driver, no
// interrupt and no lock of the kernel under test, so it works when that kernel is stuck.
#pragma once

#include <mutex>
#include <span>

#include "models/base/result.h"
#include "models/channel/channel.h"

namespace bioscope {

inline constexpr unsigned short kChannelPort = 0xe9;

// Thread-safe: one frame after the other.
class ChannelWriter {
 public:
  void send(FrameType type, std::span<const u8> payload);
  void begin(u32 index);
  void trouble(const std::string& why);

 private:
  std::mutex mutex_;
};

// Port permission belongs to the calling thread and those that it starts: call it first of all.
Result<void> open_channel();

}  // namespace bioscope
