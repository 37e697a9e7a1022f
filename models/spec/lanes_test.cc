// SPDX-License-Identifier: Apache-2.0
// Signals (R37) and the clock (R49).
#include <gtest/gtest.h>

#include <cerrno>

#include "models/spec/testing/row.h"
#include "models/spec/testing/script.h"

namespace bioscope {
namespace {

constexpr const char* kSuspend =
    "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n"
    "  create y; load y \"0 8192 linear d0 0\"; resume y\n  s: suspend y\n  i: info y\n"
    "  r1: read y 0+8\n  z: suspend y\nlane B\n  k: signal s 10\n  k2: signal z 10\n";

TEST(Signals, R37AnInterruptedSuspendIsUndoneAsAWhole) {
  Script script(kSuspend);
  script.play_until("s");
  script.invoke("s");
  script.invoke("k");
  EXPECT_EQ(script.returns("k").kind, VerdictKind::Legal);
  EXPECT_EQ(script.returns("s", EINTR).kind, VerdictKind::Legal);
  Script copy = script;
  script.invoke("i");
  const Verdict verdict = script.returns(
      "i", 0, "state=suspended live=1 inactive=0 open=0 targets=1 readonly=0 deferred=0 uuid=");
  EXPECT_EQ(verdict.kind, VerdictKind::Violation);
  EXPECT_EQ(verdict.rule, rule(37));
  copy.invoke("i");
  EXPECT_EQ(copy.returns("i", 0,
                         "state=active live=1 inactive=0 open=0 targets=1 readonly=0 deferred=0 "
                         "uuid=")
                .kind,
            VerdictKind::Legal);
  copy.invoke("r1");
  EXPECT_EQ(copy.reads("r1", "").kind, VerdictKind::Legal);
}

TEST(Signals, R37ASignalThatComesTooLateChangesNothing) {
  Script script(kSuspend);
  script.play_until("s");
  script.invoke("s");
  script.invoke("k");
  script.returns("k");
  EXPECT_EQ(script.returns("s").kind, VerdictKind::Legal);
  script.invoke("r1");
  EXPECT_EQ(script.reads("r1", "").rule, rule(38));
}

TEST(Signals, R37OnlyASuspendThatWasSignalledIsInterrupted) {
  Script script(kSuspend);
  script.play_until("s");
  script.invoke("s");
  Script copy = script;
  EXPECT_EQ(copy.returns("s", EINTR).kind, VerdictKind::Violation);
  script.invoke("k");
  script.returns("k");
  const Verdict other = script.returns("s", EIO);
  EXPECT_EQ(other.kind, VerdictKind::Violation);
  EXPECT_EQ(other.rule, rule(37));
}

TEST(Signals, R37ASuspendedDeviceIsNotSuspendedAgainAndSoNotInterrupted) {
  Script script(kSuspend);
  script.play_until("r1");
  script.invoke("z");
  script.invoke("k2");
  script.returns("k2");
  EXPECT_EQ(script.returns("z", EINTR).kind, VerdictKind::Violation);
}

TEST(Signals, R37WhoeverIsNotRunningIsNotFound) {
  Script script(kSuspend);
  Script before = script;
  before.invoke("k");
  EXPECT_EQ(before.returns("k").rule, rule(37));
  script.play_until("i");
  script.invoke("k");
  Script copy = script;
  EXPECT_EQ(copy.returns("k").kind, VerdictKind::Violation);
  EXPECT_EQ(script.returns("k", ESRCH).kind, VerdictKind::Legal);
}

TEST(Signals, R32AnInterruptedResumeKeepsItsNewTable) {
  Script script(
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n"
      "  create y; load y \"0 8192 linear d0 0\"; resume y; load y \"0 8192 error\"\n"
      "  s: resume y\n  r1: read y 0+8\n  again: resume y\n  r2: read y 0+8\n"
      "lane B\n  k: signal s 10\n");
  script.play_until("s");
  script.invoke("s");
  script.invoke("k");
  script.returns("k");
  EXPECT_EQ(script.returns("s", EINTR).kind, VerdictKind::Legal);
  script.invoke("r1");
  EXPECT_EQ(script.reads("r1", "").kind, VerdictKind::Legal);
  script.play(script.id("again"));
  script.invoke("r2");
  EXPECT_EQ(script.reads("r2", "").kind, VerdictKind::Violation);
}

Capabilities virtual_clock() {
  Capabilities can;
  can.add(Capability::VirtualClock);
  return can;
}

std::string flakey(std::string_view before, std::string_view table = "flakey d0 0 2 3") {
  return "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n  create y\n  load y \"0 "
         "8192 " +
         std::string(table) + "\"; resume y\n" + std::string(before) +
         "  x: read y 0+8\nlane B\n  c: clock 1000\n  c2: clock 1000\n";
}

// What may the read say after what stands before it?
std::string read_outcomes(const std::string& lines, Capabilities can) {
  std::string outcomes;
  for (const int error : {0, EIO}) {
    Script script(lines, can);
    script.play_until("x");
    script.invoke("x");
    const Verdict verdict = error == 0 ? script.reads("x", "") : script.returns("x", error);
    if (verdict.kind == VerdictKind::Legal) outcomes += error == 0 ? "up " : "down ";
    if (verdict.kind != VerdictKind::Legal) EXPECT_EQ(verdict.rule, rule(49)) << lines;
  }
  return outcomes;
}

TEST(Clock, R49FlakeyIsUpAndDownByTheClock) {
  EXPECT_EQ(read_outcomes(flakey(""), virtual_clock()), "up ");
  EXPECT_EQ(read_outcomes(flakey("  clock 1999\n"), virtual_clock()), "up ");
  EXPECT_EQ(read_outcomes(flakey("  clock 2000\n"), virtual_clock()), "down ");
  EXPECT_EQ(read_outcomes(flakey("  clock 2500; clock 2499\n"), virtual_clock()), "down ");
  EXPECT_EQ(read_outcomes(flakey("  clock 2500; clock 2500\n"), virtual_clock()), "up ");
  EXPECT_EQ(read_outcomes(flakey("  clock 7000\n"), virtual_clock()), "down ");
}

TEST(Clock, R49ItBeginsWithTheConstructor) {
  const std::string late = "  load y \"0 8192 flakey d0 0 2 3\"; clock 1500; resume y; clock 400\n";
  EXPECT_EQ(read_outcomes(flakey("  clock 2000\n" + late), virtual_clock()), "up ");
  EXPECT_EQ(read_outcomes(flakey("  clock 2000\n" + late + "  clock 100\n"), virtual_clock()),
            "down ");
}

TEST(Clock, R49WithARealClockEitherMayBe) {
  EXPECT_EQ(read_outcomes(flakey("  clock 2000\n"), {}), "up down ");
}

TEST(Clock, R49WhereADelaySleepsTheTimeIsNotKnown) {
  EXPECT_EQ(read_outcomes(flakey("  create z; load z \"0 8 delay d0 0 5\"\n"), virtual_clock()),
            "up down ");
}

TEST(Clock, R49AClockOfAnotherLaneMayHavePassedOrNot) {
  Script script(flakey("  clock 1000\n"), virtual_clock());
  script.play_until("x");
  script.invoke("c");
  script.invoke("x");
  Script copy = script;
  EXPECT_EQ(copy.returns("x", EIO).kind, VerdictKind::Legal);
  EXPECT_EQ(script.reads("x", "").kind, VerdictKind::Legal);
}

TEST(Clock, R49AClockThatBeginsWhileAReadIsUnderWayMovesIt) {
  Script script(flakey("  clock 1000\n"), virtual_clock());
  script.play_until("x");
  script.invoke("x");
  Script before = script;
  EXPECT_EQ(before.returns("x", EIO).kind, VerdictKind::Violation);
  script.invoke("c");
  EXPECT_EQ(script.returns("x", EIO).kind, VerdictKind::Legal);
}

}  // namespace
}  // namespace bioscope
