// SPDX-License-Identifier: Apache-2.0
// docs/TRACE.md is the contract that people read: it has to name every operation and its example
// has to parse.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "models/trace/syntax.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

std::string document() {
  std::ifstream in("docs/TRACE.md");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(TraceDocument, HasARowForEveryOperation) {
  const std::string text = document();
  for (const OperationSyntax& syntax : operation_table()) {
    EXPECT_NE(text.find("\n| `" + std::string(syntax.keyword) + "` |"), std::string::npos)
        << syntax.keyword;
  }
}

TEST(TraceDocument, ItsExampleParses) {
  const std::string text = document();
  const std::size_t start = text.find("    bioscope-trace 1");
  ASSERT_NE(start, std::string::npos);
  const std::size_t end = text.find("\n## ", start);
  const auto trace = parse_trace(text.substr(start, end - start), "docs/TRACE.md");
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->lanes.size(), 2U);
}

}  // namespace
}  // namespace bioscope
