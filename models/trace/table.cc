// SPDX-License-Identifier: Apache-2.0
#include "models/trace/table.h"

#include <fmt/format.h>

namespace bioscope {

std::vector<TargetWords> split_table(std::string_view table) {
  std::vector<TargetWords> lines;
  std::size_t at = 0;
  while (at <= table.size()) {
    const std::size_t end = std::min(table.find(';', at), table.size());
    TargetWords words;
    std::string_view line = table.substr(at, end - at);
    while (!line.empty()) {
      const std::size_t blank = std::min(line.find(' '), line.size());
      if (blank > 0) words.emplace_back(line.substr(0, blank));
      line.remove_prefix(std::min(blank + 1, line.size()));
    }
    if (!words.empty()) lines.push_back(std::move(words));
    at = end + 1;
  }
  return lines;
}

std::string join_table(const std::vector<TargetWords>& lines) {
  std::string text;
  for (const TargetWords& words : lines) {
    if (!text.empty()) text += "; ";
    text += fmt::format("{}", fmt::join(words, " "));
  }
  return text;
}

}  // namespace bioscope
