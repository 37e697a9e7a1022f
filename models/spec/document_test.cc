// SPDX-License-Identifier: Apache-2.0
// docs/RULES.md is what people read of the rules: it has to say what the table says.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "models/spec/rule.h"

namespace bioscope {
namespace {

TEST(RulesDocument, HasEveryRowOfTheTable) {
  std::ifstream in("docs/RULES.md");
  std::stringstream text;
  text << in.rdbuf();
  for (const Rule& rule : rule_table()) {
    const std::string row = fmt::format("| {} | {} | {} |", rule.name, rule.text, rule.source);
    EXPECT_NE(text.str().find(row), std::string::npos) << row << "\nrun: bioscope rules --markdown";
  }
}

}  // namespace
}  // namespace bioscope
