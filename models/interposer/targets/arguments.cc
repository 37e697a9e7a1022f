// SPDX-License-Identifier: Apache-2.0
#include "models/interposer/targets/arguments.h"

#include <algorithm>
#include <cerrno>

namespace bioscope::dm {

std::unexpected<ConstructError> refuse(std::string message, int error) {
  return std::unexpected(ConstructError{error, std::move(message)});
}

std::unexpected<ConstructError> refuse(std::string message) {
  return refuse(std::move(message), EINVAL);
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<u32> parse_u32(std::string_view word, u32 least, u32 most) {
  const auto number = parse_number(word);
  if (!number || *number < least || *number > most) return std::nullopt;
  return static_cast<u32>(*number);
}

std::string_view Arguments::shift() {
  if (words_.empty()) return {};
  const std::string_view word = words_.front();
  words_ = words_.subspan(1);
  return word;
}

std::optional<u32> Arguments::read(u32 least, u32 most) {
  return parse_u32(shift(), least, most);
}

}  // namespace bioscope::dm
