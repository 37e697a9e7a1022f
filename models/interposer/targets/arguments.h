// SPDX-License-Identifier: Apache-2.0
// dm_arg_set and what constructors say: the words of a table line, taken one after another.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "models/interposer/dm/target.h"

namespace bioscope::dm {

// ti->error with the constructor's errno, EINVAL mostly.
std::unexpected<ConstructError> refuse(std::string message);
std::unexpected<ConstructError> refuse(std::string message, int error);

// strcasecmp() == 0: keywords of features and messages.
bool same_word(std::string_view a, std::string_view b);

// A number that fits into 32 bits, as dm_read_arg() takes it.
std::optional<u32> parse_u32(std::string_view word, u32 least = 0,
                             u32 most = std::numeric_limits<u32>::max());

// Not thread-safe. The words outlive it.
class Arguments {
 public:
  explicit Arguments(std::span<const std::string> words) : words_(words) {}

  std::size_t left() const { return words_.size(); }
  // dm_shift_arg(): the next word; empty when there is none.
  std::string_view shift();
  // dm_read_arg(). Nothing: no word is left, or it is no number within the bounds.
  std::optional<u32> read(u32 least, u32 most);

 private:
  std::span<const std::string> words_;
};

}  // namespace bioscope::dm
