// SPDX-License-Identifier: Apache-2.0
// A subject that does everything right has no finding, whatever trace of the suites it plays.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "harness/check/oracle.h"
#include "models/spec/player.h"
#include "models/trace/lower.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

TEST(Suites, APerfectSubjectHasNoFindingOnAnyTrace) {
  Marks marks;
  int played = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("suites")) {
    if (entry.path().extension() != ".trace") continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    auto parsed = parse_trace(text.str(), entry.path().string());
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    const auto lowered = lower_interpose(*parsed);
    ASSERT_TRUE(lowered.has_value()) << entry.path();
    const History history = perfect_history(*lowered);
    const Checked checked = check_history(entry.path().string(), *lowered, history);
    for (const Finding& finding : checked.findings) {
      ADD_FAILURE() << entry.path() << ": " << to_text(finding.signature) << ": "
                    << finding.message;
    }
    marks.add(checked.marks);
    ++played;
  }
  EXPECT_GT(played, 100);
  EXPECT_GT(marks.copy_outs, 50U);
  EXPECT_GT(marks.splits, 20U);
  EXPECT_GT(marks.reads_binding * 10, marks.reads * 6);
}

}  // namespace
}  // namespace bioscope
