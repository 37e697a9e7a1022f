// SPDX-License-Identifier: Apache-2.0
// Interposers: one row a sentence of docs/SPECIFICATION.md. A row's trace is legal as it would
// rightly be played, and what it changes of the operation labelled x is found under its rule.
#include <gtest/gtest.h>

#include <cerrno>

#include "models/spec/testing/row.h"
#include "models/spec/testing/script.h"

namespace bioscope {
namespace {

#define OVER(table) "  create i; load i \"" table "\" interpose; resume i\n"
#define ORIGIN OVER("0 8192 snapshot-origin d0")
#define ERA OVER("0 8192 era c0 [interpose]d0 8")
#define RECIPE(store)                                                               \
  "  write d0 0+128\n" ORIGIN                                                       \
  "  create snap; suspend i\n  load snap \"0 8192 snapshot [interpose]d0 c0 " store \
  "\"\n  resume snap; resume i\n"

const Row kRows[] = {
    // What a load refuses.
    {"R29", "  create i\n  x: load i \"0 8192 era c0 [interposer]d0 8\" interpose\n", Breaks::Error,
     0},
    {"R29", "  create i\n  x: load i \"0 8192 linear [interposed0 0\" interpose\n", Breaks::Error,
     ENODEV},
    {"R29", "  create i\n  x: load i \"0 8192 linear [interpose] 0\" interpose\n", Breaks::Error,
     EINVAL},
    {"R29", "  create i\n  x: load i \"0 8192 linear [interpose]ghost 0\"\n", Breaks::Error,
     EINVAL},
    {"R29", "  create i\n  x: load i \"0 8192 linear ghost 0\" interpose\n", Breaks::Error, 0},
    {"R29",
     "  create i\n  x: load i \"0 8192 striped 2 8 [interpose]d0 0 [interpose]d1 0\" interpose\n",
     Breaks::Error, 0},
    {"R29", "  create i\n  x: load i \"0 8192 era c0 d0 8\" interpose\n", Breaks::Error, 0},
    {"R29", "  create i\n  x: load i \"0 8192 zero\" interpose\n", Breaks::Error, 0},
    {"R29", "  create i\n  x: load i \"0 8 linear d0 0; 8 8184 linear d0 8\" interpose\n",
     Breaks::Error, 0},
    {"R29", "  create i\n  x: load i \"0 8184 linear d0 0\" interpose\n", Breaks::Error, 0},
    {"R30", "  create i\n  x: load i \"0 8192 linear d0 0\" interpose\n", Breaks::Error, EBUSY},
    // Opened below its interposer a device is not claimed.
    {"R30", "  open d0 exclusive\n  create i\n  x: load i \"0 8192 linear [interpose]d0 0\"\n",
     Breaks::Error, EBUSY},
    {"R29", "  open d0 exclusive\n  create i\n  x: load i \"0 8192 linear d0 0\"\n", Breaks::Error,
     0},
    {"R30", "  mkfs d0 ext4; mount d0 m; create i\n  x: load i \"0 8192 era c0 d0 8\"\n",
     Breaks::Error, 0, "", "R29"},
    {"R30",
     "  mkfs d0 ext4; mount d0 m; create i\n"
     "  x: load i \"0 8192 era c0 [interpose]d0 8\" interpose\n",
     Breaks::Error, EBUSY, "", "R52"},
    {"R34", OVER("0 8192 linear d0 0") "  x: open d0 exclusive\n", Breaks::Error, EBUSY},
    // The attach.
    {"P8",
     OVER("0 8192 linear d0 0") "  create j; load j \"0 8192 linear d0 0\" interpose\n  x: resume "
                                "j\n",
     Breaks::Error, 0},
    {"R32",
     OVER("0 8192 linear d0 0") "  create j; load j \"0 8192 linear d0 0\" interpose; resume j\n  "
                                "x: info j\n",
     Breaks::Text, 0,
     "state=active live=1 inactive=0 open=0 targets=1 readonly=0 deferred=0 uuid=", "R31"},
    {"P8",
     OVER("0 8192 linear d0 0") "  create j; load j \"0 8192 error\"; resume j\n"
                                "  load j \"0 8192 linear d0 0\" interpose; resume j\n  write d0 "
                                "0+8\n"
                                "  x: read d0 0+8\n",
     Breaks::Error, EIO, "", "R46"},
    {"R23", "  freeze d0\n  create i; load i \"0 8192 linear d0 0\" interpose\n  x: resume i\n",
     Breaks::Error, EBUSY, "", "R32"},
    // What lies under it.
    {"P2", OVER("0 8192 flakey d0 0 0 9 1 error_writes") "  x: write d0 0+8\n", Breaks::Error, 0},
    {"P2", "  write d0 0+8\n" OVER("0 8192 flakey d0 0 0 9") "  x: read d0 0+8\n", Breaks::Error,
     0},
    {"R46", OVER("0 8192 linear d0 0") "  write d0 0+8\n  x: read d0 0+8\n", Breaks::Value},
    {"R46", OVER("0 8192 linear d0 0") "  write d0 0+8\n  x: read i 0+8\n", Breaks::Value},
    {"R47", OVER("0 8192 striped 2 8 [interpose]d0 0 d1 0") "  write d0 0+32\n  x: read d1 0+8\n",
     Breaks::Value, 0, "", "P1"},
    {"P9", OVER("0 8192 linear d0 0") "  x: read d0 8188+8\n", Breaks::Short, 0, "", "R1"},
    {"R59", ORIGIN "  x: discard f0 0+8\n", Breaks::Error, EAGAIN, "", "R5"},
    {"R59", OVER("0 8192 snapshot-origin f0") "  x: discard f0 0+8\n", Breaks::Error, 0},
    {"R10", OVER("0 8192 linear d0 0") "  x: read d0 0+8 nowait\n", Breaks::Error, EOPNOTSUPP, "",
     "R46"},
    {"R38", ORIGIN "  suspend i\n  x: read d0 0+8 nowait\n", Breaks::Error, 0},
    // Both ways it is the same sectors; a layer that is passed twice adds its offset twice.
    {"P7",
     "  create y; load y \"0 4096 linear d0 64\"; resume y\n" OVER(
         "0 8192 linear d0 0") "  create j; load j \"0 4096 linear y 0\" interpose; resume j\n  "
                               "write y 0+8\n"
                               "  x: read d0 64+8\n",
     Breaks::Value, 0, "", "R46"},
    {"P7",
     "  create y; load y \"0 4096 linear d0 64\"; resume y\n" OVER(
         "0 8192 flakey d0 0 0 9 1 error_writes") "  create j; load j \"0 4096 linear y 0\" "
                                                  "interpose; resume j\n  x: write y 0+8\n",
     Breaks::Error, 0, "", "P2"},
    // A layer that had opened the disk before is outside as well.
    {"P2",
     "  create y; load y \"0 4096 linear d0 64\"; resume y\n" OVER(
         "0 8192 flakey d0 0 0 9 1 error_writes") "  x: write y 0+8\n",
     Breaks::Error, 0},
    // Who opened it below is not.
    {"P6",
     "  create y; load y \"0 4096 linear [interpose]d0 64\"; resume y\n" OVER(
         "0 8192 flakey d0 0 0 9 1 error_writes") "  x: write y 0+8\n",
     Breaks::Error, EIO, "", "R46"},
    // Reloads and the detach.
    {"P4",
     OVER("0 8192 linear d0 0") "  load i \"0 8192 flakey d0 0 0 9 1 error_writes\" interpose; "
                                "resume i\n"
                                "  x: write d0 0+8\n",
     Breaks::Error, 0, "", "P2"},
    {"R34", OVER("0 8192 linear d0 0") "  open i\n  x: remove i\n", Breaks::Error, 0},
    {"P10", OVER("0 8192 flakey d0 0 0 9") "  remove i\n  x: read d0 0+8\n", Breaks::Error, EIO, "",
     ""},
    {"P10", OVER("0 8192 flakey d0 0 0 9") "  open i; remove i deferred\n  x: read d0 0+8\n",
     Breaks::Error, 0, "", "P2"},
    {"P10",
     OVER("0 8192 flakey d0 0 0 9") "  load i \"0 8192 flakey d0 0 0 9\"; resume i\n  x: read d0 "
                                    "0+8\n",
     Breaks::Error, EIO, "", ""},
    {"R29",
     OVER("0 8192 flakey d0 0 0 9") "  open d0 exclusive\n  x: load i \"0 8192 flakey d0 0 0 9\"\n",
     Breaks::Error, 0},
    // What is said of it.
    {"R30", OVER("0 8192 era c0 [interpose]d0 8") "  x: table i\n", Breaks::Text, 0,
     "0 8192 era c0 d0 8"},
    {"R30", OVER("0 8192 linear d0 0") "  x: table i\n", Breaks::Text, 0,
     "0 8192 linear [interpose]d0 0"},
    {"R30", OVER("0 8192 era c0 [interpose]d0 8") "  x: deps i\n", Breaks::Text, 0, "c0"},
    {"R58", ERA "  x: status i\n", Breaks::Text, 0, "0 8192 era 8 5/1024 7 -"},
    // The targets' work under it.
    {"R53", ERA "  write d0 16+8\n  suspend i\n  x: era-dump c0\n", Breaks::Text, 0, "era=1"},
    {"R53",
     "  create y; load y \"0 4096 linear d0 64\"; resume y\n" ERA
     "  write y 0+8\n  suspend i\n  x: era-dump c0\n",
     Breaks::Text, 0, "era=1"},
    {"R65", RECIPE("N 8") "  write d0 0+64\n  x: read snap 0+64\n", Breaks::Value},
    {"R65", RECIPE("P 8") "  write d0 0+64\n  x: read snap 0+64\n", Breaks::Value},
    {"R65", RECIPE("N 8") "  write i 0+64\n  x: read snap 0+64\n", Breaks::Value},
    {"R70", RECIPE("N 8") "  write d0 0+64\n  x: status snap\n", Breaks::Text, 0,
     "0 8192 snapshot 0/8192 0"},
    {"R67", RECIPE("N 8") "  write d0 0+64\n  remove snap; write d0 0+8\n  x: read d0 0+8\n",
     Breaks::Value, 0, "", "R67"},
    {"R74",
     "  write d0 0+128\n" ORIGIN
     "  create snap; load snap \"0 8192 snapshot [interpose]d0 c0 N 8\"; resume snap\n"
     "  write d0 0+128\n  x: read snap 8+8\n",
     Breaks::Value, 0, "", nullptr, VerdictKind::Hazard},
    {"R75",
     "  write d0 0+128\n" ORIGIN
     "  create snap; suspend i; load snap \"0 8192 snapshot i c0 N 8\"; resume snap; resume i\n"
     "  write d0 0+128\n  x: read snap 0+8\n",
     Breaks::Value, 0, "", nullptr, VerdictKind::Hazard},
    {"R75", RECIPE("N 8") "  remove i\n  write d0 0+8\n  x: read snap 0+8\n", Breaks::Value, 0, "",
     nullptr, VerdictKind::Hazard},
    // File systems on what it is attached over.
    {"P5",
     "  mkfs d2 ext4; mount d2 m; file-write m/a 0+8\n"
     "  create i; load i \"0 65536 snapshot-origin d2\" interpose; resume i\n"
     "  file-write m/a 0+8; create snap; suspend i\n"
     "  load snap \"0 65536 snapshot [interpose]d2 c2 P 8\"; resume snap; resume i\n"
     "  umount m\n  x: fsck snap ext4\n",
     Breaks::Error, EUCLEAN},
    {"P5",
     "  mkfs d2 ext4; mount d2 m; file-write m/a 0+8\n"
     "  create i; load i \"0 65536 linear d2 0\" interpose; resume i\n  x: file-read m/a 0+8\n",
     Breaks::Value},
};

class InterposerRow : public testing::TestWithParam<Row> {};

TEST_P(InterposerRow, RightIsLegalAndWrongIsFound) {
  check_row(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Interposer, InterposerRow, testing::ValuesIn(kRows), row_name);

constexpr const char* kHead2 =
    "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\ndisk c0 null size=8192\nlane A\n";

std::string with(std::string_view lines) {
  return std::string(kHead2) + std::string(lines);
}

TEST(Interposer, P2DuringTheAttachIoMayGoEitherWayAndAfterItOnlyThroughIt) {
  Script script(
      with("  create i; load i \"0 8192 flakey d0 0 0 9\" interpose\n  a: resume i\n"
           "  r2: read d0 0+8\nlane B\n  r1: read d0 0+8\n"));
  script.play_until("a");
  script.invoke("r1");
  script.invoke("a");
  Script copy = script;
  EXPECT_EQ(script.reads("r1", "").kind, VerdictKind::Legal);
  EXPECT_EQ(copy.returns("r1", EIO).kind, VerdictKind::Legal);
  EXPECT_EQ(script.returns("a").kind, VerdictKind::Legal);
  script.invoke("r2");
  Script through = script;
  const Verdict verdict = script.reads("r2", "");
  EXPECT_EQ(verdict.kind, VerdictKind::Violation);
  EXPECT_EQ(verdict.rule, property(2));
  EXPECT_EQ(verdict.target, "flakey");
  EXPECT_EQ(through.returns("r2", EIO).kind, VerdictKind::Legal);
}

TEST(Interposer, R38IoWaitsWhileItIsSuspendedAndGoesByTheNewTableAfterwards) {
  Script script(
      with("  create i; load i \"0 8192 linear d0 0\" interpose; resume i; suspend i\n"
           "  load i \"0 8192 flakey d0 0 0 9\" interpose\n  a: resume i\n"
           "lane B\n  r1: read d0 0+8\n"));
  script.play_until("a");
  script.invoke("r1");
  Script copy = script;
  const Verdict early = copy.reads("r1", "");
  EXPECT_EQ(early.kind, VerdictKind::Violation);
  EXPECT_EQ(early.rule, rule(38));
  script.invoke("a");
  Script by_old_table = script;
  EXPECT_EQ(by_old_table.reads("r1", "").kind, VerdictKind::Violation);
  EXPECT_EQ(script.returns("r1", EIO).kind, VerdictKind::Legal);
}

TEST(Interposer, P4DuringAReloadIoNeverGoesPastBothTables) {
  Script script(
      with("  create i; load i \"0 8192 flakey d0 0 0 9\" interpose; resume i\n"
           "  load i \"0 8192 flakey d0 0 0 9 1 error_writes\" interpose\n  a: resume i\n"
           "lane B\n  w1: write d0 0+8\n"));
  script.play_until("a");
  script.invoke("w1");
  script.invoke("a");
  Script copy = script;
  EXPECT_EQ(script.returns("w1").kind, VerdictKind::Violation);
  EXPECT_EQ(copy.returns("w1", EIO).kind, VerdictKind::Legal);
}

TEST(Interposer, P3WhatWaitedForADetachedOneGoesOnWithoutIt) {
  for (const char* detach : {"remove i", "load i \"0 8192 error\"\n  b: resume i"}) {
    Script script(
        with("  create i; load i \"0 8192 flakey d0 0 0 9\" interpose; resume i; suspend i\n"
             "  a: " +
             std::string(detach) +
             "\n  r2: read d0 0+8\nlane B\n"
             "  r1: read d0 0+8\n"));
    const bool removes = std::string(detach).starts_with("remove");
    script.play_until("a");
    script.invoke("r1");
    script.invoke("a");
    EXPECT_EQ(script.returns("a").kind, VerdictKind::Legal);
    if (!removes) {
      script.invoke("b");
      EXPECT_EQ(script.returns("b").kind, VerdictKind::Legal);
    }
    Script copy = script;
    EXPECT_EQ(copy.returns("r1", EIO).kind, VerdictKind::Violation) << detach;
    EXPECT_EQ(script.reads("r1", "").kind, VerdictKind::Legal) << detach;
    script.invoke("r2");
    EXPECT_EQ(script.reads("r2", "").kind, VerdictKind::Legal) << detach;
  }
}

TEST(Interposer, R34ARemoveThatFailsLeavesWhatWaitsWaiting) {
  Script script(
      with("  create i; load i \"0 8192 linear d0 0\" interpose; resume i; open i; suspend i\n"
           "  a: remove i\n  b: resume i\nlane B\n  r1: read d0 0+8\n"));
  script.play_until("a");
  script.invoke("r1");
  script.invoke("a");
  EXPECT_EQ(script.returns("a", EBUSY).kind, VerdictKind::Legal);
  Script copy = script;
  EXPECT_EQ(copy.reads("r1", "").rule, rule(38));
  script.invoke("b");
  EXPECT_EQ(script.reads("r1", "").kind, VerdictKind::Legal);
}

TEST(Interposer, P8AnAttachThatFailsLeavesIoAsItWas) {
  Script script(
      with("  create i; load i \"0 8192 linear d0 0\" interpose; resume i\n"
           "  create j; load j \"0 8192 flakey d0 0 0 9\" interpose\n  a: resume j\n"
           "  r1: read d0 0+8\n  b: resume j\n"));
  script.play_until("a");
  script.invoke("a");
  EXPECT_EQ(script.returns("a", EBUSY).kind, VerdictKind::Legal);
  script.invoke("r1");
  Script copy = script;
  EXPECT_EQ(copy.returns("r1", EIO).kind, VerdictKind::Violation);
  EXPECT_EQ(script.reads("r1", "").kind, VerdictKind::Legal);
  // Its table is lost, as after every swap that is refused (R32).
  script.invoke("b");
  EXPECT_EQ(script.returns("b", EINVAL).kind, VerdictKind::Legal);
}

TEST(Interposer, R22AFileIsNotWrittenWhileTheSuspendOfTheInterposerFreezesIt) {
  Script script(
      "bioscope-trace 1\nseed 1\ndisk d2 null size=65536\nlane A\n"
      "  mkfs d2 ext4; mount d2 m; create i; load i \"0 65536 linear d2 0\" interpose\n"
      "  resume i; suspend i\n  w: file-write m/a 0+8\n  a: resume i\n");
  script.play_until("w");
  script.invoke("w");
  Script copy = script;
  EXPECT_EQ(copy.returns("w").rule, rule(22));
  script.invoke("a");
  script.returns("a");
  EXPECT_EQ(script.returns("w").kind, VerdictKind::Legal);
}

TEST(Interposer, P6AHungAttachIsFoundAndOneThatWaitsForAHeldRequestIsNot) {
  const auto judge = [](bool held) {
    const Trace trace =
        parse_trace(
            "bioscope-trace 1\nseed 1\ndisk f0 controlled size=8192\nlane A\n"
            "  create i; load i \"0 8192 snapshot-origin f0\" interpose\n  a: resume i\n"
            "lane B\n  w: write f0 0+8\ndisk-script\n  h: hold f0 write 0+8\n",
            "hang")
            .value();
    Model model(trace);
    OperationId id = 0;
    for (; id < find_labelled(trace, "a").value(); ++id) {
      model.apply(Event{.operation = id, .kind = EventKind::Invoke});
      model.apply(model.expected(id));
    }
    model.apply(Event{.operation = find_labelled(trace, "w").value(), .kind = EventKind::Invoke});
    if (held) model.apply(Event{.operation = 0, .kind = EventKind::Held});
    model.apply(Event{.operation = id, .kind = EventKind::Invoke});
    History history;
    history.end = HistoryEnd::Hung;
    return model.finish(history);
  };
  for (const Verdict& verdict : judge(true)) EXPECT_EQ(verdict.kind, VerdictKind::NotJudged);
  const auto verdicts = judge(false);
  ASSERT_EQ(verdicts.size(), 2U);
  EXPECT_EQ(verdicts[0].kind, VerdictKind::Violation);
  EXPECT_EQ(verdicts[1].rule, property(6));
}

TEST(Interposer, P9OverlappingOperationsLeaveItNotJudgedUntilItIsAloneAgain) {
  Script script(
      with("  create i\n  a: load i \"0 8192 flakey d0 0 0 9\" interpose\n  b: resume i\n"
           "  r1: read d0 0+8\n  load i \"0 8192 flakey d0 0 0 9\" interpose; resume i\n"
           "  r2: read d0 0+8\nlane B\n  c: suspend i\n"));
  script.play_until("b");
  script.invoke("b");
  script.invoke("c");
  script.returns("b");
  script.returns("c");
  script.invoke("r1");
  EXPECT_EQ(script.returns("r1", EIO).kind, VerdictKind::NotJudged);
  for (OperationId id = script.id("r1") + 1; id < script.id("r2"); ++id) script.play(id);
  script.invoke("r2");
  EXPECT_EQ(script.reads("r2", "").kind, VerdictKind::Violation);
}

}  // namespace
}  // namespace bioscope
