// SPDX-License-Identifier: Apache-2.0
#include "models/channel/channel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "models/base/bytes.h"
#include "models/base/hash.h"
#include "models/trace/codec.h"
#include "models/trace/history_codec.h"

namespace bioscope {
namespace {

constexpr std::array<u8, 4> kFrameMagic{'b', 'i', 'o', '1'};
constexpr std::size_t kHeaderBytes = 9;   // magic, type, length
constexpr std::size_t kTrailerBytes = 4;  // checksum
constexpr std::size_t kMaxNameText = 4096;
constexpr u64 kMaxAssigned = 65536;

u32 get_u32le(std::span<const u8> bytes) {
  return ByteReader(bytes).get_u32le();
}

void put_blob(ByteWriter& out, std::span<const u8> bytes) {
  out.put_varint(bytes.size());
  out.put_bytes(bytes);
}

std::vector<u8> get_blob(ByteReader& in) {
  const std::string text = in.get_string(kMaxFrameBytes);
  return {text.begin(), text.end()};
}

std::unexpected<Error> garbled(std::string_view what, const ByteReader& in) {
  return could_not_judge(fmt::format("the {} is garbled at byte {}", what, in.offset()));
}

}  // namespace

std::vector<u8> encode_frame(FrameType type, std::span<const u8> payload) {
  ByteWriter out;
  out.put_bytes(kFrameMagic);
  out.put_u8(static_cast<u8>(type));
  out.put_u32le(static_cast<u32>(payload.size()));
  out.put_bytes(payload);
  std::vector<u8> frame = out.take();
  const u32 crc = crc32c(std::span<const u8>(frame).subspan(kFrameMagic.size()));
  for (int i = 0; i < 4; ++i) frame.push_back(static_cast<u8>(crc >> (8 * i)));
  return frame;
}

std::size_t FrameReader::feed(std::span<const u8> bytes) {
  if (error_) return bytes.size();
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
  begin_ = 0;
  const std::size_t taken =
      std::min(bytes.size(), kHeaderBytes + kMaxFrameBytes + kTrailerBytes - buffer_.size());
  const auto slice = bytes.first(taken);
  buffer_.insert(buffer_.end(), slice.begin(), slice.end());
  return taken;
}

Result<std::optional<Frame>> FrameReader::next() {
  if (error_) return std::unexpected(*error_);
  const auto garbage = [&](std::string_view why) {
    error_ = Error{
        ErrorKind::CouldNotJudge,
        fmt::format("the guest sent garbage at byte {} of its results: {}", consumed_bytes_, why)};
    buffer_.clear();
    begin_ = 0;
    return std::unexpected(*error_);
  };
  const std::span<const u8> bytes = std::span<const u8>(buffer_).subspan(begin_);
  const auto magic = bytes.first(std::min(bytes.size(), kFrameMagic.size()));
  if (!std::equal(magic.begin(), magic.end(), kFrameMagic.begin())) {
    return garbage("no frame begins here");
  }
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const u32 length = get_u32le(bytes.subspan(5, 4));
  if (length > kMaxFrameBytes) return garbage("a frame of that length is not possible");
  if (bytes[4] < static_cast<u8>(FrameType::Hello) ||
      bytes[4] > static_cast<u8>(FrameType::Trouble)) {
    return garbage("a frame of an unknown type");
  }
  const std::size_t whole = kHeaderBytes + length + kTrailerBytes;
  if (bytes.size() < whole) return std::nullopt;
  const u32 crc = crc32c(bytes.subspan(kFrameMagic.size(), 5 + length));
  if (crc != get_u32le(bytes.subspan(kHeaderBytes + length, 4))) {
    return garbage("the checksum of the frame is wrong");
  }
  Frame frame{static_cast<FrameType>(bytes[4]), {}};
  const auto payload = bytes.subspan(kHeaderBytes, length);
  frame.payload.assign(payload.begin(), payload.end());
  begin_ += whole;
  consumed_bytes_ += whole;
  return frame;
}

std::vector<u8> encode(const Greeting& greeting) {
  ByteWriter out;
  out.put_string(greeting.kernel_release);
  out.put_varint(greeting.can.bits());
  out.put_varint(greeting.uptime_ns);
  return out.take();
}

Result<Greeting> decode_greeting(std::span<const u8> bytes) {
  ByteReader in(bytes);
  Greeting greeting;
  greeting.kernel_release = in.get_string(kMaxNameText);
  greeting.can = Capabilities(in.get_varint());
  greeting.uptime_ns = in.get_varint();
  if (in.failed() || !in.at_end()) return garbled("agent's greeting", in);
  return greeting;
}

std::vector<u8> encode(const Assignment& assignment) {
  ByteWriter out;
  out.put_varint(assignment.traces.size());
  for (const AssignedTrace& assigned : assignment.traces) {
    out.put_string(assigned.name);
    put_blob(out, encode_trace(assigned.trace));
    out.put_varint(assigned.seed);
    out.put_varint(assigned.operation_bound_ms);
  }
  return out.take();
}

Result<Assignment> decode_assignment(std::span<const u8> bytes) {
  ByteReader in(bytes);
  Assignment assignment;
  const u64 count = in.get_varint();
  if (count > kMaxAssigned) in.fail();
  for (u64 i = 0; i < count && !in.failed(); ++i) {
    AssignedTrace assigned;
    assigned.name = in.get_string(kMaxNameText);
    assigned.trace = decode_trace(get_blob(in));
    assigned.seed = in.get_varint();
    assigned.operation_bound_ms = static_cast<u32>(in.get_varint());
    assignment.traces.push_back(std::move(assigned));
  }
  if (in.failed()) return garbled("assignment", in);
  return assignment;
}

std::vector<u8> encode(const TraceReport& report) {
  ByteWriter out;
  out.put_varint(report.index);
  out.put_varint(report.guest_ns);
  put_blob(out, encode_history(report.history));
  return out.take();
}

Result<TraceReport> decode_trace_report(std::span<const u8> bytes) {
  ByteReader in(bytes);
  TraceReport report;
  report.index = static_cast<u32>(in.get_varint());
  report.guest_ns = in.get_varint();
  const std::vector<u8> history = get_blob(in);
  if (in.failed() || !in.at_end()) return garbled("report of a trace", in);
  auto decoded = decode_history(history);
  if (!decoded) return could_not_judge("in the report of a trace: " + decoded.error().message);
  report.history = std::move(*decoded);
  return report;
}

}  // namespace bioscope
