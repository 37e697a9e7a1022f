// SPDX-License-Identifier: Apache-2.0
// Lanes that overlap: what may be seen while an operation is pending, and what no longer after.
#include <gtest/gtest.h>

#include <cerrno>

#include "models/spec/testing/script.h"

namespace bioscope {
namespace {

constexpr const char* kDisk =
    "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n"
    "  w0: write d0 0+8\n  r1: read d0 0+8\n  r2: read d0 0+8\n  r3: read d0 0+8\n"
    "lane B\n  w1: write d0 0+8\n  w2: write d0 0+8\n";

TEST(Concurrency, P1APendingWriteMayBeSeenAndMayNot) {
  Script script(kDisk);
  script.play_until("r1");
  script.invoke("w1");
  script.invoke("r1");
  script.invoke("r2");
  EXPECT_EQ(script.reads("r1", "w0").kind, VerdictKind::Legal);
  EXPECT_EQ(script.reads("r2", "w1").kind, VerdictKind::Legal);
  // Once it was seen the old value is gone.
  script.invoke("r3");
  EXPECT_EQ(script.reads("r3", "w0").kind, VerdictKind::Violation);
}

TEST(Concurrency, P1AReturnedWriteReplacesWhatWasThereBeforeItsInvoke) {
  Script script(kDisk);
  script.play_until("r1");
  script.invoke("w1");
  script.returns("w1");
  script.invoke("r1");
  const Verdict verdict = script.reads("r1", "w0");
  EXPECT_EQ(verdict.kind, VerdictKind::Violation);
  EXPECT_EQ(verdict.rule, property(1));
  ASSERT_FALSE(verdict.sectors.empty());
  EXPECT_EQ(verdict.sectors[0].legal, (std::vector<Sector>{Stamp{script.id("w1"), 0, 1}}));
}

TEST(Concurrency, P1AWriteThatFailedLeavesOldAndNew) {
  Script script(
      "bioscope-trace 1\nseed 1\ndisk d0 controlled size=8192\nlane A\n"
      "  w0: write d0 0+8\n  w1: write d0 0+8\n  r1: read d0 0+8\n"
      "disk-script\n  fail d0 write EIO after returned w0\n");
  script.play_until("w1");
  script.invoke("w1");
  EXPECT_EQ(script.returns("w1", EIO).kind, VerdictKind::Legal);
  Script copy = script;
  script.invoke("r1");
  EXPECT_EQ(script.reads("r1", "w0").kind, VerdictKind::Legal);
  copy.invoke("r1");
  EXPECT_EQ(copy.reads("r1", "w1").kind, VerdictKind::Legal);
}

TEST(Concurrency, TwoOverlappingWritesMayLandInEitherOrder) {
  Script script(kDisk);
  script.play_until("r1");
  script.invoke("w1");
  script.invoke("w2");
  script.returns("w2");
  script.returns("w1");
  Script copy = script;
  script.invoke("r1");
  EXPECT_EQ(script.reads("r1", "w1").kind, VerdictKind::Legal);
  copy.invoke("r1");
  EXPECT_EQ(copy.reads("r1", "w2").kind, VerdictKind::Legal);
}

constexpr const char* kCaseD =
    "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\ndisk c0 null size=8192\nlane A\n"
    "  create org; load org \"0 8192 snapshot-origin d0\"; resume org\n  a: write org 0+8\n"
    "  create snap; suspend org\n  load snap \"0 8192 snapshot d0 c0 N 8\"; resume snap\n"
    "  resume org\n  r1: read snap 0+8\nlane B\n  b: write org 0+8\n";

TEST(Concurrency, R65CaseDTheSnapshotNeverSeesALaterOriginWrite) {
  Script script(kCaseD);
  script.play_until("r1");
  script.invoke("r1");
  script.invoke("b");
  script.returns("b");
  Script copy = script;
  EXPECT_EQ(script.reads("r1", "a").kind, VerdictKind::Legal);
  const Verdict verdict = copy.reads("r1", "b");
  EXPECT_EQ(verdict.kind, VerdictKind::Violation);
  EXPECT_EQ(verdict.rule, rule(65));
  EXPECT_EQ(verdict.target, "snapshot");
}

TEST(Concurrency, R38IoOfASuspendedDeviceReturnsOnlyAfterTheResume) {
  const char* lines =
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n"
      "  create y; load y \"0 8192 linear d0 0\"; resume y; suspend y\n  up: resume y\n"
      "lane B\n  r1: read y 0+8\n";
  Script script(lines);
  script.play_until("up");
  script.invoke("r1");
  Script copy = script;
  EXPECT_EQ(script.reads("r1", "").rule, rule(38));
  copy.invoke("up");
  EXPECT_EQ(copy.reads("r1", "").kind, VerdictKind::Legal);
}

// What came before the suspend may have been through, and only its lane was late.
TEST(Concurrency, R38AfterAResumeThatFailedOnlyWhatHadWaitedWaits) {
  const char* lines =
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n"
      "  create y; load y \"0 8192 linear d0 0\"; resume y; load y \"0 8192 linear d0 8\"\n"
      "  s: suspend y\n  no: resume y\n"
      "lane B\n  r1: read y 0+8\n  r2: read y 0+8\n";
  Script script(lines);
  script.play_until("s");
  script.invoke("r1");
  script.play(script.id("s"));
  script.invoke("r2");
  script.play(script.id("no"));
  EXPECT_EQ(script.reads("r1", "").kind, VerdictKind::Legal);
  EXPECT_EQ(script.reads("r2", "").rule, rule(38));
}

TEST(Durability, R50AFlushMayMeetAFlakeyTargetThatIsDown) {
  for (const bool down : {false, true}) {
    Script script(std::string("bioscope-trace 1\nseed 1\ndisk d0 null size=64 cache=volatile\n"
                              "lane A\n  create x; load x \"0 8 linear d0 0; 8 8 flakey d0 8 ") +
                  (down ? "0 1" : "1 0") +
                  "\"; resume x\n  f: flush x\n  w: write x 0+8 preflush\n");
    script.play_until("f");
    for (const char* which : {"f", "w"}) {
      script.invoke(which);
      Script copy = script;
      EXPECT_EQ(copy.returns(which).kind, VerdictKind::Legal);
      EXPECT_EQ(script.returns(which, EIO).kind,
                down ? VerdictKind::Legal : VerdictKind::Violation);
    }
  }
}

constexpr const char* kPreflush =
    "bioscope-trace 1\nseed 1\ndisk d0 controlled size=2048 cache=volatile\n"
    "disk d1 controlled size=2048 cache=volatile\nlane A\n"
    "  create x; load x \"0 2048 linear d0 0\"; resume x\n  w1: write x 0+8\n"
    "  p: bio x write 8+8 preflush\n"
    "lane B\n  f: flush x\n  r: read x 0+8\n  q: bio x write 16+8 preflush\n";

TEST(Durability, R44APreflushThatSucceedsThoughItsFlushFailedIsAHazard) {
  Script script(std::string(kPreflush) + "disk-script\n  fail d0 flush EIO after returned w1\n");
  script.play_until("p");
  script.invoke("r");
  script.invoke("p");
  Script copy = script;
  const Verdict verdict = script.returns("p");
  EXPECT_EQ(verdict.kind, VerdictKind::Hazard);
  EXPECT_EQ(verdict.rule, rule(44));
  EXPECT_EQ(verdict.target, "linear");
  EXPECT_NE(verdict.message.find("x 8+8"), std::string::npos) << verdict.message;
  EXPECT_NE(verdict.message.find("fail d0 flush EIO"), std::string::npos) << verdict.message;
  EXPECT_EQ(copy.returns("p", EIO).kind, VerdictKind::Legal);
}

TEST(Durability, R44AnotherFlushMayHaveMetTheFault) {
  for (const char* other : {"f", "q"}) {
    Script script(std::string(kPreflush) + "disk-script\n  fail d0 flush EIO after returned w1\n");
    script.play_until("p");
    script.invoke(other);
    Script copy = script;
    script.invoke("p");
    EXPECT_EQ(script.returns("p").kind, VerdictKind::Legal) << other;
    copy.returns(other);
    copy.invoke("p");
    EXPECT_EQ(copy.returns("p").kind, VerdictKind::Legal) << other;
  }
}

TEST(Durability, R44AFaultOfAnotherDiskOrALaterFlushOrOfTheWritesIsNone) {
  for (const char* step :
       {"fail d1 flush EIO after returned w1", "fail d0 flush #2 EIO after returned w1",
        "fail d0 write EIO after returned w1", "fail d0 flush EIO after returned f"}) {
    Script script(std::string(kPreflush) + "disk-script\n  " + step + "\n");
    script.play_until("p");
    script.invoke("p");
    EXPECT_EQ(script.returns("p").kind, VerdictKind::Legal) << step;
  }
}

constexpr const char* kRemove =
    "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n"
    "  create y; load y \"0 64 linear d0 0\"; resume y\n  x: remove y\n  i: info y\n"
    "lane B\n  w: write y 0+8\n  o: open y\n  c: close y\n"
    "lane C\n  z: create z; l: load z \"0 8 linear y 0\"; k: clear z\n";
constexpr const char* kOpenOnce =
    "state=active live=1 inactive=0 open=1 targets=1 readonly=0 deferred=0 uuid=";

TEST(Concurrency, R34IoThatWasPendingAtSomeTimeDuringARemoveMayHaveKeptIt) {
  for (const char* other : {"w", "o"}) {
    Script script(kRemove);
    script.play_until("x");
    script.invoke(other);
    script.invoke("x");
    script.returns(other);
    Script copy = script;
    EXPECT_EQ(script.returns("x", EBUSY).kind, VerdictKind::Legal) << other;
    EXPECT_EQ(copy.returns("x").kind, VerdictKind::Legal) << other;
  }
}

TEST(Concurrency, R34AnOpenAndACloseWithinTheRemoveMayHaveKeptIt) {
  Script script(kRemove);
  script.play_until("x");
  script.invoke("x");
  for (const char* label : {"o", "c"}) {
    script.invoke(label);
    script.returns(label);
  }
  EXPECT_EQ(script.returns("x", EBUSY).kind, VerdictKind::Legal);
}

TEST(Concurrency, R34IoThatReturnedBeforeTheRemoveKeepsNothing) {
  Script script(kRemove);
  script.play_until("x");
  script.invoke("w");
  script.returns("w");
  script.invoke("x");
  const Verdict verdict = script.returns("x", EBUSY);
  EXPECT_EQ(verdict.kind, VerdictKind::Violation);
  EXPECT_EQ(verdict.rule, rule(34));
}

TEST(Concurrency, R34AnInfoMayCountWhatWasOpenAtSomeTimeWhileItWasPending) {
  Script script(kRemove);
  script.play_until("x");
  script.invoke("w");
  Script after = script;
  script.invoke("i");
  script.returns("w");
  EXPECT_EQ(script.returns("i", 0, kOpenOnce).kind, VerdictKind::Legal);
  after.returns("w");
  after.invoke("i");
  EXPECT_EQ(after.returns("i", 0, kOpenOnce).rule, rule(34));
}

TEST(Concurrency, R34ATableThatCameAndWentMayHaveKeptTheDevice) {
  Script script(kRemove);
  script.play_until("x");
  script.invoke("z");
  script.returns("z");
  script.invoke("l");
  script.invoke("x");
  Script copy = script;
  for (const char* label : {"l", "k"}) {
    if (label[0] == 'k') script.invoke(label);
    script.returns(label);
  }
  EXPECT_EQ(script.returns("x", EBUSY).kind, VerdictKind::Legal);
  EXPECT_EQ(copy.returns("x").kind, VerdictKind::Legal);
}

TEST(Concurrency, P4AWriteAcrossASwapLandsByTheOldOrTheNewTable) {
  const char* lines =
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\ndisk d1 null size=8192\nlane A\n"
      "  create y; load y \"0 8192 linear d0 0\"; resume y\n  load y \"0 8192 linear d1 0\"\n"
      "  up: resume y\n  r0: read d0 0+8\n  r1: read d1 0+8\n  r2: read y 0+8\n"
      "lane B\n  w: write y 0+8\n  w2: write y 0+8\n";
  Script script(lines);
  script.play_until("up");
  script.invoke("w");
  script.invoke("up");
  script.returns("w");
  script.returns("up");
  for (const char* seen : {"w", ""}) {
    Script copy = script;
    copy.invoke("r0");
    EXPECT_EQ(copy.reads("r0", seen).kind, VerdictKind::Legal);
    copy.invoke("r1");
    EXPECT_EQ(copy.reads("r1", seen).kind, VerdictKind::Legal);
  }
  script.invoke("w2");
  script.returns("w2");
  script.invoke("r1");
  EXPECT_EQ(script.reads("r1", "w").kind, VerdictKind::Violation);
}

TEST(Concurrency, P4AReadAcrossASwapSeesTheOldOrTheNewTableAndNothingElse) {
  const char* lines =
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\ndisk d1 null size=8192\nlane A\n"
      "  a: write d0 0+8\n  b: write d1 0+8\n  other: write d0 8+8\n"
      "  create y; load y \"0 8192 linear d0 0\"; resume y\n  load y \"0 8192 linear d1 0\"\n"
      "  up: resume y\nlane B\n  r: read y 0+8\n";
  Script script(lines);
  script.play_until("up");
  script.invoke("r");
  script.invoke("up");
  script.returns("up");
  for (const char* seen : {"a", "b"}) {
    Script copy = script;
    EXPECT_EQ(copy.reads("r", seen).kind, VerdictKind::Legal) << seen;
  }
  const Verdict verdict = script.reads("r", "other");
  EXPECT_EQ(verdict.kind, VerdictKind::Violation);
  EXPECT_EQ(verdict.rule, property(4));
}

TEST(Concurrency, R56StockBugEBlamesTheResumeAndNotTheStatus) {
  const char* lines =
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\ndisk m0 null size=8192\nlane A\n"
      "  create e; load e \"0 8192 era m0 d0 64\"; resume e\n  suspend e\n"
      "  load e \"0 8192 era m0 d0 64\"\n  up: resume e\nlane B\n  s: status e\n";
  Script script(lines);
  script.play_until("up");
  script.invoke("s");
  script.invoke("up");
  History history;
  history.end = HistoryEnd::Hung;
  const auto verdicts = script.model().finish(history);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].operation, script.id("up"));
  EXPECT_EQ(verdicts[0].target, "era");
}

TEST(Concurrency, R53StockBugFABlockWrittenBetweenLoadAndResumeMustBeMarked) {
  const char* lines =
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\ndisk m0 null size=8192\nlane A\n"
      "  create er; load er \"0 8192 era m0 d0 64\"; resume er\n  write er 0+8\n"
      "  load er \"0 8192 era m0 d0 64\"\n  write er 64+8\n  resume er\n  write er 128+8\n"
      "  suspend er\n  x: era-dump m0\n";
  Script script(lines);
  script.play_until("x");
  script.invoke("x");
  Script copy = script;
  EXPECT_EQ(script.returns("x", 0, "era=2 0-1:1 2:2").kind, VerdictKind::Legal);
  EXPECT_EQ(copy.returns("x", 0, "era=2 0:1 2:2").rule, rule(53));
}

// What finish() says of a run that is said to have come to its end.
std::vector<VerdictKind> judged_at_the_end(Script& script) {
  std::vector<VerdictKind> kinds;
  for (const Verdict& verdict : script.model().finish(History{})) kinds.push_back(verdict.kind);
  return kinds;
}

TEST(Completed, AnAsyncOperationThatNeverReturnedIsAHang) {
  Script script(
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n  w: async write d0 0+8\n");
  script.invoke("w");
  Script returned = script;
  returned.returns("w");
  EXPECT_TRUE(judged_at_the_end(returned).empty());
  const auto verdicts = script.model().finish(History{});
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].kind, VerdictKind::Violation);
  EXPECT_EQ(verdicts[0].operation, script.id("w"));
}

TEST(Completed, WhatASuspendedDeviceHoldsBackMayStayAway) {
  Script script(
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n"
      "  create x; load x \"0 8192 linear d0 0\"; resume x; suspend x\n  w: write x 0+8\n"
      "  later: write x 8+8\n");
  script.play_until("w");
  script.invoke("w");
  EXPECT_TRUE(judged_at_the_end(script).empty());
}

TEST(Completed, WhatADelayTargetHoldsBackIsNotJudged) {
  Script script(
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n"
      "  create x; load x \"0 8192 delay d0 0 900\"; resume x\n  w: async write x 0+8\n");
  script.play_until("w");
  script.invoke("w");
  EXPECT_EQ(judged_at_the_end(script), std::vector{VerdictKind::NotJudged});
}

TEST(Completed, ATraceThatWasNotPlayedToItsEndIsNotJudged) {
  Script script(
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n  w: write d0 0+8\n"
      "  r: read d0 0+8\n");
  EXPECT_EQ(judged_at_the_end(script), std::vector{VerdictKind::NotJudged});
  script.invoke("w");
  script.returns("w");
  EXPECT_EQ(judged_at_the_end(script), std::vector{VerdictKind::NotJudged});
  script.invoke("r");
  script.reads("r", "w");
  EXPECT_TRUE(judged_at_the_end(script).empty());
}

TEST(Concurrency, CopiesOfAModelAreIndependent) {
  Script script(kDisk);
  script.play_until("r1");
  Script copy = script;
  copy.invoke("w1");
  copy.returns("w1");
  script.invoke("r1");
  EXPECT_EQ(script.reads("r1", "w0").kind, VerdictKind::Legal);
}

}  // namespace
}  // namespace bioscope
