// SPDX-License-Identifier: Apache-2.0
#include "vm-images/agent/era_xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "models/base/types.h"

namespace bioscope {
namespace {

std::optional<std::string_view> attribute(std::string_view tag, std::string_view name) {
  const std::string key = fmt::format(" {}=\"", name);
  const std::size_t start = tag.find(key);
  if (start == std::string_view::npos) return std::nullopt;
  tag.remove_prefix(start + key.size());
  return tag.substr(0, tag.find('"'));
}

std::optional<u64> number(std::string_view tag, std::string_view name) {
  const auto text = attribute(tag, name);
  u64 value = 0;
  if (!text ||
      std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<std::string> era_summary(std::string_view xml) {
  std::optional<u64> current;
  std::map<u64, u64> era_of;
  u64 write_set_era = 0;
  std::size_t open = xml.find('<');
  while (open != std::string_view::npos) {
    const std::size_t close = xml.find('>', open);
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view tag = xml.substr(open + 1, close - open - 1);
    if (tag.starts_with("superblock ")) {
      current = number(tag, "current_era");
    } else if (tag.starts_with("writeset ")) {
      write_set_era = number(tag, "era").value_or(0);
    } else if (tag.starts_with("bit ")) {
      const auto block = number(tag, "block");
      const bool set = attribute(tag, "value") == "true" || attribute(tag, "value") == "1";
      if (!block) return std::nullopt;
      if (set) era_of[*block] = std::max(era_of[*block], write_set_era);
    } else if (tag.starts_with("era ")) {
      const auto block = number(tag, "block");
      const auto era = number(tag, "era");
      if (!block || !era) return std::nullopt;
      era_of[*block] = std::max(era_of[*block], *era);
    }
    open = xml.find('<', close);
  }
  if (!current) return std::nullopt;

  std::string text = fmt::format("era={}", *current);
  for (auto it = era_of.begin(); it != era_of.end();) {
    const auto [first, era] = *it;
    u64 last = first;
    for (++it; it != era_of.end() && it->first == last + 1 && it->second == era; ++it) ++last;
    if (era == 0) continue;
    text += first == last ? fmt::format(" {}:{}", first, era)
                          : fmt::format(" {}-{}:{}", first, last, era);
  }
  return text;
}

}  // namespace bioscope
