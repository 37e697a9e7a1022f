// SPDX-License-Identifier: Apache-2.0
#include "harness/finding/known.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace bioscope {
namespace {

using Json = nlohmann::json;

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

struct Key {
  std::string_view name;
  std::string KnownFinding::* member;
  bool may_be_empty;
};

constexpr std::array<Key, 8> kKeys{{
    {"rule", &KnownFinding::rule, false},
    {"target", &KnownFinding::target, true},
    {"operation", &KnownFinding::operation, true},
    {"place", &KnownFinding::place, true},
    {"trace", &KnownFinding::trace, false},
    {"reason", &KnownFinding::reason, false},
    {"link", &KnownFinding::link, false},
    {"expiry", &KnownFinding::expiry, false},
}};

Result<KnownFinding> entry_of(const Json& json, const std::string& where) {
  if (!json.is_object()) return bad_input(where + ": an object is expected");
  KnownFinding entry;
  for (const Key& key : kKeys) {
    const auto found = json.find(key.name);
    if (found == json.end() || !found->is_string()) {
      return bad_input(fmt::format("{}: \"{}\" is missing; it has to be text", where, key.name));
    }
    entry.*key.member = found->get<std::string>();
    if (!key.may_be_empty && (entry.*key.member).empty()) {
      return bad_input(fmt::format("{}: \"{}\" must not be empty", where, key.name));
    }
  }
  for (const auto& [name, value] : json.items()) {
    if (std::ranges::find(kKeys, name, &Key::name) == kKeys.end()) {
      return bad_input(fmt::format("{}: unknown key \"{}\"", where, name));
    }
  }
  if (!is_date(entry.expiry)) {
    return bad_input(fmt::format("{}: \"expiry\" is \"{}\"; a date YYYY-MM-DD is expected", where,
                                 entry.expiry));
  }
  return entry;
}

}  // namespace

bool KnownFinding::matches(const Signature& found) const {
  const auto fits = [](const std::string& wanted, const std::string& has) {
    return wanted.empty() || wanted == has;
  };
  return fits(rule, found.rule) && fits(target, found.target) && fits(operation, found.operation) &&
         fits(place, found.place);
}

std::string to_text(const KnownFinding& entry) {
  const auto part = [](const std::string& text) { return text.empty() ? "*" : text.c_str(); };
  return fmt::format("{}/{}/{}/{}", part(entry.rule), part(entry.target), part(entry.operation),
                     part(entry.place));
}

Result<std::vector<KnownFinding>> parse_known_findings(std::string_view json,
                                                       const std::string& source) {
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) return bad_input(source + ": this is not JSON");
  if (!root.is_object() || !root.contains("known") || !root["known"].is_array()) {
    return bad_input(source + ": expected {\"known\": [..]}");
  }
  std::vector<KnownFinding> entries;
  for (std::size_t i = 0; i < root["known"].size(); ++i) {
    auto entry = entry_of(root["known"][i], fmt::format("{}: entry {}", source, i + 1));
    if (!entry) return std::unexpected(entry.error());
    entries.push_back(std::move(*entry));
  }
  return entries;
}

Result<std::vector<KnownFinding>> read_known_findings(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    return bad_input(
        fmt::format("the known findings {} cannot be read; name another file with "
                    "--known",
                    path.string()));
  }
  return parse_known_findings(text.str(), path.string());
}

}  // namespace bioscope
