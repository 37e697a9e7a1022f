// SPDX-License-Identifier: Apache-2.0
#include "harness/finding/known.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/finding/text_entry.h"

namespace bioscope {
namespace {

using Json = nlohmann::json;

constexpr std::array<TextKey, 8> kKeys{{{"rule"},
                                        {"target", true},
                                        {"operation", true},
                                        {"place", true},
                                        {"trace"},
                                        {"reason"},
                                        {"link"},
                                        {"expiry"}}};

Result<KnownFinding> entry_of(const Json& json, const std::string& where) {
  auto texts = read_text_entry(json, kKeys, where);
  if (!texts) return std::unexpected(texts.error());
  const auto text = [&](std::string_view key) { return texts->find(key)->second; };
  return KnownFinding{text("rule"),  text("target"), text("operation"), text("place"),
                      text("trace"), text("reason"), text("link"),      text("expiry")};
}

// A trace that was named by itself, as `bioscope run` does, has no folder in its name.
bool is_trace(const std::string& wanted, const std::string& name) {
  const auto fits = [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  };
  if (wanted.empty() || fits(wanted)) return true;
  return !name.contains('/') && fits(wanted.substr(wanted.rfind('/') + 1));
}

}  // namespace

bool KnownFinding::matches(const Signature& found, const std::string& trace_name) const {
  const auto fits = [](const std::string& wanted, const std::string& has) {
    return wanted.empty() || wanted == has;
  };
  return fits(rule, found.rule) && fits(target, found.target) && fits(operation, found.operation) &&
         fits(place, found.place) && is_trace(trace, trace_name);
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
