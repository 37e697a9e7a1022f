// SPDX-License-Identifier: Apache-2.0
// The words of tables and messages. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/interposer/dm/table.h"

namespace bioscope::reference {

std::vector<std::string> split_words(std::string_view text);

// Nothing if a line does not begin with two numbers and a type.
std::optional<std::vector<dm::TargetLine>> parse_table(std::string_view text);

}  // namespace bioscope::reference
