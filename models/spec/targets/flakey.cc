// SPDX-License-Identifier: Apache-2.0
// flakey: up and down by the clock (R49), and what it does while down (R50; flakey_ctr,
// parse_features).
#include "models/spec/targets/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace bioscope::spec {
namespace {

// strcasecmp.
bool is_word(std::string_view said, std::string_view word) {
  return std::ranges::equal(said, word, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

// Features of the argument group. The rules by which they exclude each other are R50's. The table
// prints them in an order of its own (flakey_status).
RuleId parse_features(Target& target, const TargetWords& words) {
  bool drop = false;
  bool error = false;
  bool corrupt = false;
  bool corrupt_writes = false;
  std::string corruption;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (is_word(words[i], "drop_writes")) {
      if (std::exchange(drop, true) || error) return rule(50);
    } else if (is_word(words[i], "error_writes")) {
      if (std::exchange(error, true) || drop) return rule(50);
    } else if (is_word(words[i], "corrupt_bio_byte")) {
      if (words.size() - i < 5) return rule(50);
      const auto byte = parse_number(words[i + 1]);
      const auto value = parse_number(words[i + 3]);
      const auto flags = parse_number(words[i + 4]);
      if (!byte || *byte == 0 || !value || *value > 255 || !flags) return rule(50);
      corrupt = true;
      corrupt_writes = is_word(words[i + 2], "w");
      if (!corrupt_writes && !is_word(words[i + 2], "r")) return rule(50);
      corruption = fmt::format(" corrupt_bio_byte {} {} {} {}", *byte, corrupt_writes ? 'w' : 'r',
                               *value, *flags);
      i += 4;
    } else {
      return rule(50);
    }
  }
  if ((drop || error) && corrupt_writes) return rule(50);
  target.down = corrupt ? DownMode::Corrupt
                : drop  ? DownMode::DropWrites
                : error ? DownMode::ErrorWrites
                        : DownMode::Error;
  target.features = fmt::format("{}{}{}{}", words.size(), drop ? " drop_writes" : "",
                                error ? " error_writes" : "", corruption);
  return RuleId::None;
}

}  // namespace

Parsed parse_flakey(Target target, const TargetWords& arguments) {
  if (arguments.size() < 4) return refuse(rule(49));
  const auto start = parse_number(arguments[1]);
  const auto up = parse_number(arguments[2]);
  const auto down = parse_number(arguments[3]);
  if (!start || !up || !down || *up + *down == 0 || *up + *down > 0xffffffffULL) {
    return refuse(rule(49));
  }
  target.devices.push_back({arguments[0], *start, target.length_sectors});
  target.features = "0";
  target.up_seconds = *up;
  target.down_seconds = *down;
  if (arguments.size() > 4) {
    const auto count = parse_number(arguments[4]);
    if (!count || *count > 6 || arguments.size() - 5 < *count) return refuse(rule(50));
    const TargetWords words(arguments.begin() + 5,
                            arguments.begin() + 5 + static_cast<std::ptrdiff_t>(*count));
    if (const RuleId refused = parse_features(target, words); refused != RuleId::None) {
      return refuse(refused);
    }
  }
  return {std::move(target)};
}

}  // namespace bioscope::spec
