// SPDX-License-Identifier: Apache-2.0
// What host and guest say to each other.
//
// Host to guest, before boot: one Assignment, in the file /traces of the initramfs, which is
// padded to a constant size. Guest to host, while it runs: frames, each
//     'b' 'i' 'o' '1'  type u8  length u32le  payload  crc32c(type, length, payload) u32le
// The guest may be hostile or dying: FrameReader takes any bytes, never buffers more than one frame
// of kMaxFrameBytes, and says where garbage was.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/base/result.h"
#include "models/trace/history.h"
#include "models/trace/trace.h"

namespace bioscope {

inline constexpr std::size_t kMaxFrameBytes = 16U << 20;

enum class FrameType : u8 {
  Hello = 1,   // Greeting: the agent runs
  Begin = 2,   // u32: the assigned trace of this index starts
  End = 3,     // TraceReport
  Bye = 4,     // all that was assigned is done
  Trouble = 5  // text: the agent cannot go on, and why
};

struct Frame {
  FrameType type = FrameType::Hello;
  std::vector<u8> payload;
};

std::vector<u8> encode_frame(FrameType type, std::span<const u8> payload);

// Feed bytes as they come; take frames out until there is none, and feed the rest. Not thread-safe.
class FrameReader {
 public:
  // How many of the bytes were taken: fewer than all while a whole frame waits to be taken out.
  // After an error all are taken and dropped.
  [[nodiscard]] std::size_t feed(std::span<const u8> bytes);
  // A frame, or nothing yet, or an Error for bytes that are no frame (with their offset; the
  // reader stays in error from then on: what follows garbage is not trusted).
  Result<std::optional<Frame>> next();
  u64 consumed_bytes() const { return consumed_bytes_; }

 private:
  std::vector<u8> buffer_;
  std::size_t begin_ = 0;  // in the buffer: what lies before it was taken out
  u64 consumed_bytes_ = 0;
  std::optional<Error> error_;
};

struct Greeting {
  std::string kernel_release;
  Capabilities can;
  u64 uptime_ns = 0;  // the guest's clock at the first instruction of the agent's work
};

struct AssignedTrace {
  std::string name;
  Trace trace;
  u64 seed = 0;              // of the lanes' interleaving
  u32 operation_bound_ms = 0;  // guest time within which an operation has to return
};

struct Assignment {
  std::vector<AssignedTrace> traces;
};

struct TraceReport {
  u32 index = 0;
  History history;
  u64 guest_ns = 0;  // guest time from Begin to End
};

std::vector<u8> encode(const Greeting& greeting);
std::vector<u8> encode(const Assignment& assignment);
std::vector<u8> encode(const TraceReport& report);
Result<Greeting> decode_greeting(std::span<const u8> bytes);
// Bytes after the assignment (the padding) are ignored.
Result<Assignment> decode_assignment(std::span<const u8> bytes);
Result<TraceReport> decode_trace_report(std::span<const u8> bytes);

}  // namespace bioscope
