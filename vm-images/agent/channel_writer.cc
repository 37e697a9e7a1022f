// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/channel_writer.h"

#include <fmt/format.h>
#include <sys/io.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace bioscope {

Result<void> open_channel() {
  if (ioperm(kChannelPort, 1, 1) == 0) return {};
  return could_not_judge(
      fmt::format("the guest forbids port {:#x} ({}); it needs CONFIG_X86_IOPL_IOPERM",
                  kChannelPort, strerror(errno)));
}

void ChannelWriter::send(FrameType type, std::span<const u8> payload) {
  const std::vector<u8> bytes = encode_frame(type, payload);
  const std::lock_guard lock(mutex_);
  const u8* from = bytes.data();
  std::size_t count = bytes.size();
  asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(kChannelPort) : "memory");
}

void ChannelWriter::begin(u32 index) {
  const std::array<u8, 4> bytes{static_cast<u8>(index), static_cast<u8>(index >> 8),
                                static_cast<u8>(index >> 16), static_cast<u8>(index >> 24)};
  send(FrameType::Begin, bytes);
}

void ChannelWriter::trouble(const std::string& why) {
  send(FrameType::Trouble,
       std::span<const u8>(reinterpret_cast<const u8*>(why.data()), why.size()));
}

}  // namespace bioscope
