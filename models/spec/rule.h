// SPDX-License-Identifier: Apache-2.0
// The rules by their numbers (docs/RULES.md). What each says, where its source is, and on which
// subjects it can be observed stands in one table, which `bioscope rules` and docs/RULES.md show.
#pragma once

#include <span>
#include <string_view>

#include "models/base/types.h"

namespace bioscope {

// R1..R75 have their number as value; P1..P11 follow at 101..111.
enum class RuleId : u8 { None = 0 };

inline constexpr std::size_t kRuleIds = 128;

constexpr RuleId rule(u8 number) {
  return static_cast<RuleId>(number);
}
constexpr RuleId property(u8 number) {
  return static_cast<RuleId>(100 + number);
}

enum class Scope : u8 {
  Judged,         // models/spec decides legality by it
  NotObservable,  // no subject that exists today shows it
  OutOfScope,     // said why in `text`
};

struct Rule {
  RuleId id = RuleId::None;
  std::string_view name;    // "R74"
  std::string_view text;    // one sentence of our own
  std::string_view source;  // kernel file:line of 6.1.192
  Scope scope = Scope::OutOfScope;
  bool on_kernel = false;  // observable on a stock kernel without the probe
  bool needs_probe = false;
};

std::span<const Rule> rule_table();
std::string_view name_of(RuleId id);
const Rule* find_rule(std::string_view name);

}  // namespace bioscope
