// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/dm/target.h"

#include <cerrno>
#include <charconv>

namespace bioscope::dm {

EndResult Target::end_io(blk::Bio&, int&) {
  return EndResult::Done;
}

int Target::message(std::span<const std::string>, std::string&) {
  return EINVAL;
}

bool Target::iterate_devices(const DeviceVisitor&) {
  return false;
}

void Target::io_hints(blk::QueueLimits&) {}

std::optional<u64> parse_number(std::string_view word) {
  u64 value = 0;
  const char* end = word.data() + word.size();
  const auto [at, error] = std::from_chars(word.data(), end, value);
  if (word.empty() || error != std::errc{} || at != end) return std::nullopt;
  return value;
}

}  // namespace bioscope::dm
