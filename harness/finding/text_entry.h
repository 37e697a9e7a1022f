// SPDX-License-Identifier: Apache-2.0
// One entry of a list that makes exceptions (known findings, allowed console lines): an object of
// texts, with the day on which the exception ends. Both lists are read equally strictly.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "models/base/result.h"

namespace bioscope {

struct TextKey {
  std::string_view name;
  bool may_be_empty = false;
  bool may_be_missing = false;  // is then empty
};

// The texts by key; every one of `keys` is there. Bad input, with `where` in front: no object, a
// key that is missing, unknown, no text or empty though it must not be, an "expiry" that is no day
// YYYY-MM-DD.
Result<std::map<std::string, std::string, std::less<>>> read_text_entry(
    const nlohmann::json& json, std::span<const TextKey> keys, const std::string& where);

}  // namespace bioscope
