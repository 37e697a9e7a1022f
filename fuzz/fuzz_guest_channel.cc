// SPDX-License-Identifier: Apache-2.0
// What a hostile guest can send to the host: frames, and within them greetings and reports. Nothing
// may crash, hang or take memory without bound.
#include "models/channel/channel.h"
#include "models/trace/history_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const bioscope::u8* data, std::size_t size) {
  using namespace bioscope;
  const std::span<const u8> bytes(data, size);
  FrameReader reader;
  for (auto rest = bytes; !rest.empty();) {
    rest = rest.subspan(reader.feed(rest));
    for (;;) {
      const auto frame = reader.next();
      if (!frame || !*frame) break;
      (void)decode_greeting((*frame)->payload);
      (void)decode_trace_report((*frame)->payload);
    }
  }
  // Without the checksum that a mutator would have to guess.
  (void)decode_trace_report(bytes);
  (void)decode_history(bytes);
  return 0;
}
