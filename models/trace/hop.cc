// SPDX-License-Identifier: Apache-2.0
#include "models/trace/hop.h"

#include <fmt/format.h>

#include <array>

#include "models/trace/syntax.h"

namespace bioscope {
namespace {

constexpr std::array<std::string_view, kHopKinds> kKinds{"submit", "enter", "leave",
                                                         "split",  "clone", "end"};
constexpr std::array<std::string_view, kHopOperations> kOperations{
    "read", "write", "flush", "discard", "secure-erase", "write-zeroes"};

std::string flags_text(OperationFlags flags) {
  std::string text;
  for (std::size_t i = 0; i < kOperationFlags; ++i) {
    const auto flag = static_cast<OperationFlag>(1U << i);
    if (flags.has(flag)) text += fmt::format(" {}", flag_word(flag));
  }
  return text;
}

}  // namespace

std::string_view word_of(HopKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::string_view word_of(HopOperation operation) {
  return kOperations[static_cast<std::size_t>(operation)];
}

std::string to_text(const Hop& hop) {
  if (hop.kind == HopKind::Leave) return fmt::format("leave {}", hop.device);
  std::string text = fmt::format("{} {}{} {} {}+{}{} bio {}", word_of(hop.kind), hop.device,
                                 hop.below ? " below" : "", word_of(hop.op), hop.range.first_sector,
                                 hop.range.count_sectors, flags_text(hop.flags), hop.bio);
  if (hop.parent != 0) text += fmt::format(" from {}", hop.parent);
  if (hop.operation != kNoOperation) text += fmt::format(" of op{}", hop.operation);
  if (hop.error != 0) text += fmt::format(" -> {}", hop.error);
  return text;
}

}  // namespace bioscope
