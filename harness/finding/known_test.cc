// SPDX-License-Identifier: Apache-2.0
#include "harness/finding/known.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bioscope {
namespace {

using testing::HasSubstr;

constexpr std::string_view kGood = R"({"about": "x", "known": [
  {"rule": "hang", "target": "era", "operation": "", "place": "perform_rpc",
   "trace": "known/e.trace", "reason": "era", "link": "https://example.org/e",
   "expiry": "2027-12-31"}]})";

KnownFinding entry(std::string rule, std::string target, std::string operation, std::string place) {
  return {std::move(rule),  std::move(target), std::move(operation),
          std::move(place), "t.trace",         "reason",
          "link",           "2027-12-31"};
}

TEST(Known, ReadsEveryKey) {
  const auto known = parse_known_findings(kGood, "known.json");
  ASSERT_TRUE(known.has_value()) << known.error().message;
  ASSERT_EQ(known->size(), 1U);
  EXPECT_EQ(to_text((*known)[0]), "hang/era/*/perform_rpc");
  EXPECT_EQ((*known)[0].trace, "known/e.trace");
  EXPECT_EQ((*known)[0].expiry, "2027-12-31");
}

TEST(Known, AnEmptyPartMatchesAnything) {
  const KnownFinding known = entry("hang", "era", "", "perform_rpc");
  EXPECT_TRUE(known.matches({"hang", "era", "status", "perform_rpc"}, "t.trace"));
  EXPECT_TRUE(known.matches({"hang", "era", "", "perform_rpc"}, "t.trace"));
  EXPECT_FALSE(known.matches({"hang", "era", "status", "dm_swap_table"}, "t.trace"));
  EXPECT_FALSE(known.matches({"hang", "snapshot", "status", "perform_rpc"}, "t.trace"));
  EXPECT_FALSE(known.matches({"panic", "era", "status", "perform_rpc"}, "t.trace"));
}

TEST(Known, TheSameSignatureOnAnotherTraceIsNotKnown) {
  KnownFinding known = entry("hang", "era", "", "");
  known.trace = "known/era-*.trace";
  const Signature found{"hang", "era", "status", "perform_rpc"};
  EXPECT_TRUE(known.matches(found, "known/era-swap.trace"));
  EXPECT_TRUE(known.matches(found, "era-swap.trace"));
  EXPECT_FALSE(known.matches(found, "targets/era-swap.trace"));
  EXPECT_FALSE(known.matches(found, "known/swap.trace"));
  EXPECT_FALSE(known.matches(found, "random-7"));
}

TEST(Known, HoldsThroughItsLastDay) {
  EXPECT_FALSE(entry("a", "b", "c", "").expired("2027-12-31"));
  EXPECT_TRUE(entry("a", "b", "c", "").expired("2028-01-01"));
}

std::string message_for(std::string_view json) {
  const auto known = parse_known_findings(json, "known.json");
  EXPECT_FALSE(known.has_value());
  if (known) return "";
  EXPECT_EQ(known.error().kind, ErrorKind::BadInput);
  return known.error().message;
}

std::string good_with(std::string_view from, std::string_view to) {
  std::string text(kGood);
  return text.replace(text.find(from), from.size(), to);
}

TEST(Known, SaysWhatIsWrong) {
  EXPECT_THAT(message_for("{"), HasSubstr("not JSON"));
  EXPECT_THAT(message_for("[]"), HasSubstr("expected {\"known\""));
  EXPECT_THAT(message_for(R"({"known": [{"rule": "R1"}]})"), HasSubstr("entry 1: \"target\""));
  EXPECT_THAT(message_for(good_with("2027-12-31", "2027-13-31")), HasSubstr("2027-13-31"));
  EXPECT_THAT(message_for(good_with("\"hang\"", "\"\"")), HasSubstr("\"rule\" must not be empty"));
  EXPECT_THAT(message_for(good_with("\"reason\": \"era\"", "\"reason\": 7")),
              HasSubstr("\"reason\" is missing"));
  EXPECT_THAT(message_for(good_with("\"link\"", "\"more\": \"x\", \"link\"")),
              HasSubstr("unknown key \"more\""));
}

TEST(Known, TheProjectsOwnFileIsRead) {
  const auto known = read_known_findings("suites/known-findings.json");
  ASSERT_TRUE(known.has_value()) << known.error().message;
  EXPECT_FALSE(known->empty());
}

TEST(Known, AMissingFileIsBadInput) {
  const auto known = read_known_findings("/nonexistent/known.json");
  ASSERT_FALSE(known.has_value());
  EXPECT_EQ(known.error().kind, ErrorKind::BadInput);
}

}  // namespace
}  // namespace bioscope
