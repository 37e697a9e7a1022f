// SPDX-License-Identifier: Apache-2.0
#include "harness/subject/reference/table_text.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace bioscope::reference {
namespace {

std::optional<u64> number_of(const std::string& word) {
  u64 value = 0;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  if (error != std::errc{} || stop != end || word.empty()) return std::nullopt;
  return value;
}

}  // namespace

// dm_split_args(): a backslash takes the character after it as it is.
std::vector<std::string> split_words(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n";
  std::vector<std::string> words;
  bool inside = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    char letter = text[at];
    if (kBlanks.contains(letter)) {
      inside = false;
      continue;
    }
    if (letter == '\\' && at + 1 < text.size()) letter = text[++at];
    if (!inside) words.emplace_back();
    inside = true;
    words.back() += letter;
  }
  return words;
}

std::optional<std::vector<dm::TargetLine>> parse_table(std::string_view text) {
  std::vector<dm::TargetLine> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::vector<std::string> words = split_words(line);
    if (words.empty()) continue;
    if (words.size() < 3) return std::nullopt;
    const auto begin = number_of(words[0]);
    const auto count = number_of(words[1]);
    if (!begin || !count) return std::nullopt;
    dm::TargetLine& made = lines.emplace_back();
    made.begin_sector = *begin;
    made.count_sectors = *count;
    made.type = std::move(words[2]);
    made.words.assign(std::make_move_iterator(words.begin() + 3),
                      std::make_move_iterator(words.end()));
  }
  return lines;
}

}  // namespace bioscope::reference
