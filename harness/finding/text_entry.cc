// SPDX-License-Identifier: Apache-2.0
#include "harness/finding/text_entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace bioscope {
namespace {

bool is_date(std::string_view text) {
  if (text.size() != 10) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 4 || i == 7;
    if (dash ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
  }
  const std::string_view month = text.substr(5, 2);
  const std::string_view day = text.substr(8, 2);
  return month >= "01" && month <= "12" && day >= "01" && day <= "31";
}

}  // namespace

Result<std::map<std::string, std::string, std::less<>>> read_text_entry(
    const nlohmann::json& json, std::span<const TextKey> keys, const std::string& where) {
  if (!json.is_object()) return bad_input(where + ": an object is expected");
  std::map<std::string, std::string, std::less<>> texts;
  for (const TextKey& key : keys) {
    std::string& text = texts[std::string(key.name)];
    const auto found = json.find(key.name);
    if (found == json.end() && key.may_be_missing) continue;
    if (found == json.end() || !found->is_string()) {
      return bad_input(fmt::format("{}: \"{}\" is missing; it has to be text", where, key.name));
    }
    text = found->get<std::string>();
    if (!key.may_be_empty && text.empty()) {
      return bad_input(fmt::format("{}: \"{}\" must not be empty", where, key.name));
    }
  }
  for (const auto& [name, value] : json.items()) {
    if (!texts.contains(name)) {
      return bad_input(fmt::format("{}: unknown key \"{}\"", where, name));
    }
  }
  const auto expiry = texts.find("expiry");
  if (expiry != texts.end() && !is_date(expiry->second)) {
    return bad_input(fmt::format("{}: \"expiry\" is \"{}\"; a date YYYY-MM-DD is expected", where,
                                 expiry->second));
  }
  return texts;
}

}  // namespace bioscope
