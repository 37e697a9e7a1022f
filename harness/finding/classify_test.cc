// SPDX-License-Identifier: Apache-2.0
#include "harness/finding/classify.h"

#include <gtest/gtest.h>

namespace bioscope {
namespace {

Finding finding(FindingKind kind, std::string rule, std::string trace, u64 seed = 1) {
  Finding result;
  result.kind = kind;
  result.signature = {std::move(rule), "snapshot", "read", ""};
  result.trace_name = std::move(trace);
  result.seed = seed;
  return result;
}

const std::vector<KnownFinding> kKnown{
    {"R65", "snapshot", "read", "", "t", "reason", "link", "2027-12-31"},
    {"R99", "", "", "", "t", "reason", "link", "2027-12-31"}};

TEST(Classify, AnUnknownViolationStaysOne) {
  const std::vector<Finding> found{finding(FindingKind::Violation, "R67", "t")};
  const auto classified = classify(found, kKnown, "2027-01-01");
  ASSERT_EQ(classified.size(), 1U);
  EXPECT_EQ(classified[0].finding_class, FindingClass::Violation);
  EXPECT_EQ(classified[0].known_entry, kNoEntry);
}

TEST(Classify, AKnownOneIsKnownUntilItExpires) {
  const std::vector<Finding> found{finding(FindingKind::Violation, "R65", "t")};
  EXPECT_EQ(classify(found, kKnown, "2027-12-31")[0].finding_class, FindingClass::Known);
  const auto later = classify(found, kKnown, "2028-01-01");
  EXPECT_EQ(later[0].finding_class, FindingClass::Expired);
  EXPECT_EQ(later[0].known_entry, 0U);
}

TEST(Classify, AKnownSignatureOnAnotherTraceIsAViolation) {
  const std::vector<Finding> found{finding(FindingKind::Violation, "R65", "other")};
  const auto classified = classify(found, kKnown, "2027-01-01");
  EXPECT_EQ(classified[0].finding_class, FindingClass::Violation);
  EXPECT_EQ(unmatched(classified, kKnown).size(), 2U);
}

TEST(Classify, WhatWasNotJudgedIsNeverKnown) {
  const std::vector<Finding> found{finding(FindingKind::NotJudged, "R65", "t")};
  const auto classified = classify(found, kKnown, "2027-01-01");
  EXPECT_EQ(classified[0].finding_class, FindingClass::NotJudged);
  EXPECT_EQ(unmatched(classified, kKnown).size(), 2U);
}

TEST(Classify, JoinsSeedsOfOneTraceAndPutsViolationsFirst) {
  const std::vector<Finding> found{
      finding(FindingKind::Hazard, "R74", "a", 1), finding(FindingKind::Violation, "R67", "b", 1),
      finding(FindingKind::Hazard, "R74", "a", 2), finding(FindingKind::Hazard, "R74", "c", 1)};
  const auto classified = classify(found, kKnown, "2027-01-01");
  ASSERT_EQ(classified.size(), 3U);
  EXPECT_EQ(classified[0].finding.signature.rule, "R67");
  EXPECT_EQ(classified[1].finding.trace_name, "a");
  EXPECT_EQ(classified[1].occurrences, 2U);
  EXPECT_EQ(classified[2].finding.trace_name, "c");
  EXPECT_EQ(classified[2].first, 3U);
}

TEST(Classify, AnEntryThatMatchedNothingIsListed) {
  const std::vector<Finding> found{finding(FindingKind::Violation, "R65", "t")};
  EXPECT_EQ(unmatched(classify(found, kKnown, "2027-01-01"), kKnown), std::vector<std::size_t>{1});
}

TEST(Signature, HasOneText) {
  EXPECT_EQ(to_text(Signature{"hang", "era", "resume", "dm_swap_table"}),
            "hang/era/resume/dm_swap_table");
  EXPECT_EQ(to_text(Signature{"P10", "", "", ""}), "P10/-/-");
}

}  // namespace
}  // namespace bioscope
