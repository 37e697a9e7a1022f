// SPDX-License-Identifier: Apache-2.0
// The words of a dm table as a trace writes it: target lines joined by ';', words by blanks. Only
// words are known here; what they mean is the kernel's and the specification's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bioscope {

using TargetWords = std::vector<std::string>;

std::vector<TargetWords> split_table(std::string_view table);
std::string join_table(const std::vector<TargetWords>& lines);

}  // namespace bioscope
