// SPDX-License-Identifier: Apache-2.0
// Power cuts: what has to be there afterwards, what may be, and what cannot be any more.
#include <gtest/gtest.h>

#include <cerrno>

#include "models/spec/testing/row.h"
#include "models/spec/testing/script.h"

namespace bioscope {
namespace {

std::string disk(std::string_view lines, std::string_view cache = "volatile") {
  return "bioscope-trace 1\nseed 1\ndisk d0 controlled size=8192 cache=" + std::string(cache) +
         "\ndisk c0 controlled size=8192 cache=volatile\nlane A\n" + std::string(lines);
}

constexpr const char* kCut = "  power-cut d0; reopen d0\n";

// Which of the labelled writes, or "0" for zeroes, may the read labelled x see?
std::string seen_by(const std::string& lines, std::initializer_list<const char*> writers) {
  std::string seen;
  for (const char* writer : writers) {
    Script script(lines);
    script.play_until("x");
    script.invoke("x");
    const bool zero = std::string_view(writer) == "0";
    if (script.reads("x", zero ? "" : writer).kind == VerdictKind::Legal) {
      seen += std::string(writer) + " ";
    }
  }
  return seen;
}

TEST(PowerCut, P1WhatWasNotFlushedMayBeLost) {
  EXPECT_EQ(seen_by(disk("  a: write d0 0+8\n  b: write d0 0+8\n" + std::string(kCut) +
                         "  x: read d0 0+8\n"),
                    {"0", "a", "b"}),
            "0 a b ");
}

TEST(PowerCut, P1WhatWasFlushedIsThere) {
  EXPECT_EQ(seen_by(disk("  a: write d0 0+8\n  b: write d0 0+8\n  flush d0\n  c: write d0 0+8\n" +
                         std::string(kCut) + "  x: read d0 0+8\n"),
                    {"0", "a", "b", "c"}),
            "b c ");
}

TEST(PowerCut, P1WhatWasWrittenWithFuaIsThere) {
  EXPECT_EQ(seen_by(disk("  a: write d0 0+8\n  b: write d0 0+8 fua\n" + std::string(kCut) +
                         "  x: read d0 0+8\n"),
                    {"0", "a", "b"}),
            "b ");
}

TEST(PowerCut, P1APreflushMakesWhatWasBeforeItDurableAndNotItself) {
  EXPECT_EQ(seen_by(disk("  a: write d0 0+8\n  b: bio d0 write 0+8 preflush\n" + std::string(kCut) +
                         "  x: read d0 0+8\n"),
                    {"0", "a", "b"}),
            "a b ");
}

TEST(PowerCut, P1WithoutACacheWhatHasReturnedIsThere) {
  EXPECT_EQ(seen_by(disk("  a: write d0 0+8\n  b: write d0 0+8\n" + std::string(kCut) +
                             "  x: read d0 0+8\n",
                         "none"),
                    {"0", "a", "b"}),
            "b ");
}

TEST(PowerCut, P1AFlushThroughMappedDevicesCountsAndOneOfAnotherDiskDoesNot) {
  const std::string made =
      "  create y; load y \"0 4096 linear d0 0; 4096 4096 linear c0 0\"\n  resume y\n";
  EXPECT_EQ(seen_by(disk(made + "  a: write d0 0+8\n  flush y\n" + kCut + "  x: read d0 0+8\n"),
                    {"0", "a"}),
            "a ");
  EXPECT_EQ(seen_by(disk(made + "  a: write d0 0+8\n  flush c0\n" + kCut + "  x: read d0 0+8\n"),
                    {"0", "a"}),
            "0 a ");
  EXPECT_EQ(seen_by(disk(made + "  a: write y 0+8 fua\n" + kCut + "  x: read y 0+8\n"), {"0", "a"}),
            "a ");
}

TEST(PowerCut, P1AFlushThroughAnInterposerCountsUnlessItMayDropIt) {
  const auto over = [](const char* table) {
    return "  create i; load i \"0 8192 " + std::string(table) + "\" interpose; resume i\n" +
           "  a: write d0 0+8\n  flush d0\n  remove i\n" + kCut + "  x: read d0 0+8\n";
  };
  EXPECT_EQ(seen_by(disk(over("linear d0 0")), {"0", "a"}), "a ");
  EXPECT_EQ(seen_by(disk(over("flakey d0 0 9 9 1 drop_writes")), {"0", "a"}), "0 a ");
}

TEST(PowerCut, P1AWriteThatAFlushMayHaveOvertakenMayBeLost) {
  Script script(
      disk("  f: flush d0\n  c: power-cut d0\n  o: reopen d0\n  x: read d0 0+8\n"
           "lane B\n  a: write d0 0+8\n"));
  script.invoke("a");
  script.invoke("f");
  script.returns("a");
  script.returns("f");
  script.play(script.id("c"));
  script.play(script.id("o"));
  script.invoke("x");
  Script copy = script;
  EXPECT_EQ(script.reads("x", "").kind, VerdictKind::Legal);
  EXPECT_EQ(copy.reads("x", "a").kind, VerdictKind::Legal);
}

TEST(PowerCut, P1WhatWasUnderWayFailsOrHadSucceededAndMayBeThere) {
  for (const int error : {0, EIO}) {
    Script script(
        disk("  c: power-cut d0\n  o: reopen d0\n  x: read d0 0+8\n  y: read d0 0+8\n"
             "lane B\n  a: write d0 0+8\n"));
    script.invoke("a");
    script.play(script.id("c"));
    EXPECT_EQ(script.returns("a", error).kind, VerdictKind::Legal);
    script.play(script.id("o"));
    script.invoke("x");
    Script copy = script;
    EXPECT_EQ(script.reads("x", "").kind, VerdictKind::Legal);
    EXPECT_EQ(copy.reads("x", "a").kind, VerdictKind::Legal);
    // Once it was seen it is decided.
    copy.invoke("y");
    EXPECT_EQ(copy.reads("y", "").kind, VerdictKind::Violation);
  }
}

const Row kRows[] = {
    {"P9", "  power-cut f0\n  x: read f0 0+8\n", Breaks::Error, 0},
    {"P9", "  power-cut f0\n  x: write f0 0+8\n", Breaks::Error, 0},
    {"P9", "  power-cut f0; reopen f0\n  x: read f0 0+8\n", Breaks::Error, EIO, "", ""},
    {"P9", "  x: power-cut f0\n", Breaks::Error, EIO},
    {"P9", "  x: power-cut d0\n", Breaks::Error, 0},
    {"P9", "  create y; load y \"0 8192 linear f0 0\"; resume y; power-cut f0\n  x: read y 0+8\n",
     Breaks::Error, 0},
    {"P1", "  write f0 0+8 fua; power-cut f0; reopen f0\n  x: read f0 0+8\n", Breaks::Value},
};

class PowerRow : public testing::TestWithParam<Row> {};

TEST_P(PowerRow, RightIsLegalAndWrongIsFound) {
  check_row(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Power, PowerRow, testing::ValuesIn(kRows), row_name);

// A snapshot of d0 on c0, an origin write that had to be copied out, then a cut of `disks`.
std::string snapshot(std::string_view store, std::string_view disks, std::string_view then,
                     std::string_view before = "") {
  std::string cut;
  std::string reopen;
  for (std::size_t at = 0; at < disks.size(); at += 3) {
    cut += "  power-cut " + std::string(disks.substr(at, 2)) + "\n";
    reopen += "  reopen " + std::string(disks.substr(at, 2)) + "\n";
  }
  const std::string load =
      "load snap \"0 8192 snapshot d0 c0 " + std::string(store) + "\"; resume snap; resume org\n";
  return disk(
      "  create org; load org \"0 8192 snapshot-origin d0\"; resume org\n  a: write org 0+8 fua\n"
      "  create snap; suspend org; " +
      load + std::string(before) + "  b: write org 0+8 fua\n" + cut +
      "  suspend org; remove snap\n" + reopen + "  create snap; " + load + std::string(then));
}

TEST(PowerCut, R64WhatWasCopiedOutIsThereAfterwards) {
  for (const char* disks : {"c0", "d0", "c0 d0"}) {
    const std::string lines = snapshot("P 8", disks, "  x: read snap 0+8\n");
    EXPECT_EQ(seen_by(lines, {"0", "a", "b"}), "a ") << disks;
    Script script(lines);
    script.play_until("x");
    script.invoke("x");
    EXPECT_EQ(script.reads("x", "b").rule, rule(64));
    Script invalid(lines);
    invalid.play_until("x");
    invalid.invoke("x");
    EXPECT_EQ(invalid.returns("x", EIO).kind, VerdictKind::Violation) << disks;
  }
}

TEST(PowerCut, R64TheStatusCountsIt) {
  Script script(snapshot("P 8", "c0", "  x: status snap\n"));
  script.play_until("x");
  script.invoke("x");
  Script copy = script;
  const Verdict lost = script.returns("x", 0, "0 8192 snapshot 16/8192 16");
  EXPECT_EQ(lost.kind, VerdictKind::Violation);
  EXPECT_EQ(lost.rule, rule(64));
  EXPECT_EQ(copy.returns("x", 0, "0 8192 snapshot 24/8192 16").kind, VerdictKind::Legal);
}

TEST(PowerCut, R64WhatTheSnapshotItselfWroteIsThereOnlyIfItWasFlushed) {
  const std::string_view write = "  s: write snap 2+2\n";
  EXPECT_EQ(seen_by(snapshot("P 8", "c0", "  x: read snap 2+2\n", write), {"0", "a", "b", "s"}),
            "a s ");
  EXPECT_EQ(seen_by(snapshot("P 8", "c0", "  x: read snap 2+2\n", "  s: write snap 2+2 fua\n"),
                    {"0", "a", "b", "s"}),
            "s ");
  EXPECT_EQ(
      seen_by(snapshot("P 8", "c0", "  x: read snap 2+2\n", "  s: write snap 2+2\n  flush snap\n"),
              {"0", "a", "b", "s"}),
      "s ");
}

TEST(PowerCut, R64AWriteThatWasUnderWayMayHaveItsExceptionOrNot) {
  Script script(
      disk("  create org; load org \"0 8192 snapshot-origin d0\"; resume org\n"
           "  a: write org 0+8 fua\n"
           "  create snap; suspend org; load snap \"0 8192 snapshot d0 c0 P 8\"\n"
           "  resume snap; resume org\n  c: power-cut d0; power-cut c0\n  r: reopen d0; reopen c0\n"
           "  suspend org; remove snap; create snap\n"
           "  load snap \"0 8192 snapshot d0 c0 P 8\"; resume snap; resume org\n"
           "  x: read snap 0+8\nlane B\n  b: write org 0+8\n"));
  script.play_until("c");
  script.invoke("b");
  script.play(script.id("c"));
  script.play(script.id("c") + 1);
  EXPECT_EQ(script.returns("b", EIO).kind, VerdictKind::Legal);
  for (OperationId id = script.id("r"); id < script.id("x"); ++id) script.play(id);
  script.invoke("x");
  for (const char* writer : {"a", "b"}) {
    Script copy = script;
    EXPECT_EQ(copy.reads("x", writer).kind, VerdictKind::Legal) << writer;
  }
  Script invalid = script;  // it may have met the dead disk
  EXPECT_EQ(invalid.returns("x", EIO).kind, VerdictKind::Legal);
  EXPECT_EQ(script.reads("x", "").rule, rule(64));
}

TEST(PowerCut, R64OfATransientSnapshotNothingIsJudged) {
  Script script(
      disk("  create org; load org \"0 8192 snapshot-origin d0\"; resume org\n  create snap\n"
           "  suspend org; load snap \"0 8192 snapshot d0 c0 N 8\"; resume snap; resume org\n"
           "  b: write org 0+8\n  power-cut c0; reopen c0\n  x: read snap 0+8\n"));
  script.play_until("x");
  script.invoke("x");
  EXPECT_EQ(script.reads("x", "b").kind, VerdictKind::NotJudged);
}

TEST(PowerCut, R53AMarkIsThereAfterwardsThoughTheWriteNeedNotBe) {
  const std::string lines = disk(
      "  create e; load e \"0 8192 era c0 d0 8\"; resume e\n  b: write e 16+8\n"
      "  power-cut c0; power-cut d0\n  remove e\n  reopen c0; reopen d0\n"
      "  y: read d0 16+8\n  x: era-dump c0\n");
  Script script(lines);
  script.play_until("x");
  script.invoke("x");
  Script copy = script;
  const Verdict lost = script.returns("x", 0, "era=1");
  EXPECT_EQ(lost.kind, VerdictKind::Violation);
  EXPECT_EQ(lost.rule, rule(53));
  EXPECT_EQ(copy.returns("x", 0, "era=1 2:1").kind, VerdictKind::Legal);
}

TEST(PowerCut, P5NothingIsKnownOfAFileSystemAfterwards) {
  Script script(
      "bioscope-trace 1\nseed 1\ndisk d0 controlled size=65536 cache=volatile\nlane A\n"
      "  mkfs d0 ext4; mount d0 m; file-write m/a 0+8; umount m; power-cut d0; reopen d0\n"
      "  x: fsck d0 ext4\n");
  script.play_until("x");
  script.invoke("x");
  EXPECT_EQ(script.returns("x", EUCLEAN).kind, VerdictKind::Legal);
}

}  // namespace
}  // namespace bioscope
