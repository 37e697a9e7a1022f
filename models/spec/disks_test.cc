// SPDX-License-Identifier: Apache-2.0
// Disks under use: partitions, resizes, hot removal.
#include <gtest/gtest.h>

#include <cerrno>

#include "models/spec/testing/row.h"
#include "models/spec/testing/script.h"

namespace bioscope {
namespace {

#define PARTED "  partition d0 \"64+1024,2048+4096\"\n"

const Row kRows[] = {
    {"R2", "  x: partition d0 \"64+1024,2048+4096\"\n", Breaks::Error, EBUSY},
    {"R2", PARTED "  x: partition d0 \"0+8\"\n", Breaks::Error, 0},
    {"R2", "  x: partition d0 \"0+64,32+64\"\n", Breaks::Error, 0},
    {"R2", "  x: partition d0 \"0+0\"\n", Breaks::Error, 0},
    {"R2", "  x: partition d0 \"nonsense\"\n", Breaks::Error, 0},
    {"R2", "  x: partition ghost \"0+8\"\n", Breaks::Error, 0, "", "R27"},
    {"R2", PARTED "  x: partition d0p1 \"0+8\"\n", Breaks::Error, 0},
    {"R2", PARTED "  write d0p1 0+8\n  x: read d0p1 0+8\n", Breaks::Value},
    {"R2", PARTED "  write d0p2 8+8\n  x: read d0 2056+8\n", Breaks::Value, 0, "", "P1"},
    {"R2", PARTED "  write d0 64+8\n  x: read d0p1 0+8\n", Breaks::Value},
    {"R1", PARTED "  x: read d0p1 1020+8\n", Breaks::Short},
    {"R1", PARTED "  x: bio d0p1 write 1020+8\n", Breaks::Error, 0},
    {"R20",
     PARTED "  create y; load y \"0 1024 linear d0p1 0\"; resume y\n  write y 0+8\n"
            "  x: read d0 64+8\n",
     Breaks::Value, 0, "", "P1"},
    {"R20",
     PARTED "  create y; load y \"0 1024 linear d0p1 0\"; resume y\n  write d0 64+8\n"
            "  x: read y 0+8\n",
     Breaks::Value, 0, "", "R46"},
    // A disk and its partitions are not claimed both.
    {"R29", PARTED "  open d0p1 exclusive; create y\n  x: load y \"0 1024 linear d0 0\"\n",
     Breaks::Error, 0},
    {"R29",
     PARTED "  create y; load y \"0 1024 linear d0p1 0\"; create z\n"
            "  x: load z \"0 1024 linear d0 0\"\n",
     Breaks::Error, 0},
    {"R34", PARTED "  create y; load y \"0 1024 linear d0 0\"\n  x: open d0p1 exclusive\n",
     Breaks::Error, 0},
    {"R34", PARTED "  open d0p1 exclusive\n  x: open d0p2 exclusive\n", Breaks::Error, EBUSY},
    // Interposers on partitions and on their disk.
    {"P2",
     PARTED "  create i; load i \"0 1024 flakey d0p1 0 0 9 1 error_writes\" interpose; resume i\n"
            "  x: write d0p1 0+8\n",
     Breaks::Error, 0},
    {"P10",
     PARTED "  create i; load i \"0 1024 flakey d0p1 0 0 9 1 error_writes\" interpose; resume i\n"
            "  x: write d0p2 0+8\n",
     Breaks::Error, EIO, "", "R2"},
    {"P10",
     PARTED "  create i; load i \"0 1024 flakey d0p1 0 0 9 1 error_writes\" interpose; resume i\n"
            "  x: write d0 64+8\n",
     Breaks::Error, EIO, "", ""},
    {"P2",
     PARTED "  create i; load i \"0 8192 flakey d0 0 0 9 1 error_writes\" interpose; resume i\n"
            "  x: write d0p2 0+8\n",
     Breaks::Error, 0},
    {"R53",
     PARTED "  create i; load i \"0 8192 era c0 [interpose]d0 8\" interpose; resume i\n"
            "  write d0p1 0+8\n  suspend i\n  x: era-dump c0\n",
     Breaks::Text, 0, "era=1 0:1"},
    {"R53",
     PARTED "  create i; load i \"0 1024 era c0 [interpose]d0p1 8\" interpose; resume i\n"
            "  write d0p1 0+8\n  suspend i\n  x: era-dump c0\n",
     Breaks::Text, 0, "era=1 8:1"},
    {"P7",
     PARTED "  create i; load i \"0 1024 linear d0p1 0\" interpose; resume i\n"
            "  create j; load j \"0 8192 flakey d0 0 0 9 1 error_writes\" interpose; resume j\n"
            "  x: write d0p1 0+8\n",
     Breaks::Error, 0, "", "P2"},
    // Sizes.
    {"P9", "  resize d0 16384\n  write d0 8192+8\n  x: read d0 8192+8\n", Breaks::Value, 0, "",
     "P1"},
    {"P9", "  resize d0 16384\n  x: read d0 8192+8\n", Breaks::Short, 0, "", "R1"},
    {"P9", "  resize d0 4096\n  x: bio d0 write 4090+8\n", Breaks::Error, 0, "", "R1"},
    {"P9", "  write d0 4096+8\n  resize d0 4096; resize d0 8192\n  x: read d0 4096+8\n",
     Breaks::Value, 0, "", "P1"},
    {"P9", "  x: resize d0 4096\n", Breaks::Error, EIO},
    {"P9",
     "  create y; load y \"0 8192 linear d0 0\"; resume y; resize d0 4096\n"
     "  x: write y 4096+8\n",
     Breaks::Error, 0, "", "R1"},
    {"P9",
     "  create i; load i \"0 8192 linear d0 0\" interpose; resume i; resize d0 16384\n"
     "  x: read d0 8192+8\n",
     Breaks::Error, 0},
    {"P8", "  create i; load i \"0 8192 linear d0 0\" interpose; resize d0 16384\n  x: resume i\n",
     Breaks::Error, 0},
    // Hot removal.
    {"P9", "  x: hot-remove d0\n", Breaks::Error, EBUSY},
    {"P9", "  hot-remove d0\n  x: hot-remove d0\n", Breaks::Error, 0, "", "R27"},
    {"R10", "  hot-remove d0\n  x: read d0 0+8\n", Breaks::Error, 0},
    {"R10", PARTED "  hot-remove d0\n  x: read d0p1 0+8\n", Breaks::Error, 0},
    {"R10", "  create y; load y \"0 8192 linear d0 0\"; resume y; hot-remove d0\n  x: read y 0+8\n",
     Breaks::Error, 0},
    {"R10",
     "  create i; load i \"0 8192 linear d0 0\" interpose; resume i; suspend i; hot-remove d0\n"
     "  x: read d0 0+8\n",
     Breaks::Error, 0},
    {"P9",
     "  create i; load i \"0 8192 linear d0 0\" interpose; resume i; hot-remove d0\n"
     "  x: remove i\n",
     Breaks::Error, EBUSY, "", "R34"},
};

class DiskRow : public testing::TestWithParam<Row> {};

TEST_P(DiskRow, RightIsLegalAndWrongIsFound) {
  check_row(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Disks, DiskRow, testing::ValuesIn(kRows), row_name);

constexpr const char* kSuspended =
    "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n"
    "  create i; load i \"0 8192 linear d0 0\" interpose; resume i; suspend i\n"
    "  h: hot-remove d0\n  b: resume i\nlane B\n  r1: read d0 0+8\n  r2: read i 0+8\n";

TEST(HotRemove, P9WhatWaitedForTheInterposerFailsAndTheMappedDeviceStays) {
  Script script(kSuspended);
  script.play_until("h");
  script.invoke("r1");
  script.invoke("r2");
  Script early = script;
  EXPECT_EQ(early.returns("r1", EIO).kind, VerdictKind::Violation);
  script.invoke("h");
  EXPECT_EQ(script.returns("h").kind, VerdictKind::Legal);
  Script copy = script;
  EXPECT_EQ(copy.returns("r1", EINVAL).kind, VerdictKind::Violation);
  EXPECT_EQ(script.returns("r1", EIO).kind, VerdictKind::Legal);
  Script through = script;
  EXPECT_EQ(through.returns("r2", EIO).rule, rule(38));
  script.invoke("b");
  EXPECT_EQ(script.returns("b").kind, VerdictKind::Legal);
  EXPECT_EQ(script.returns("r2", EIO).kind, VerdictKind::Legal);
}

TEST(HotRemove, P9NothingHangs) {
  const Trace trace = parse_trace(kSuspended, "hang").value();
  Model model(trace);
  for (OperationId id = 0; id <= find_labelled(trace, "h").value(); ++id) {
    model.apply(Event{.operation = id, .kind = EventKind::Invoke});
    if (id + 1 == find_labelled(trace, "h").value()) {
      const OperationId read = find_labelled(trace, "r1").value();
      model.apply(Event{.operation = read, .kind = EventKind::Invoke});
    }
    model.apply(model.expected(id));
  }
  History history;
  history.end = HistoryEnd::Hung;
  const auto verdicts = model.finish(history);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].kind, VerdictKind::Violation);
  EXPECT_EQ(verdicts[0].operation, find_labelled(trace, "r1"));
}

TEST(HotRemove, R10IoThatIsUnderWayMayFailOrNot) {
  Script script(
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n  h: hot-remove d0\n"
      "lane B\n  r1: read d0 0+8\n");
  script.invoke("r1");
  script.invoke("h");
  script.returns("h");
  Script copy = script;
  EXPECT_EQ(script.reads("r1", "").kind, VerdictKind::Legal);
  EXPECT_EQ(copy.returns("r1", EIO).kind, VerdictKind::Legal);
}

TEST(Resize, P9IoThatIsUnderWayFindsTheOldSizeOrTheNewOne) {
  Script script(
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n  s: resize d0 4096\n"
      "lane B\n  w1: write d0 4096+8\n");
  script.invoke("s");
  script.invoke("w1");
  Script copy = script;
  EXPECT_EQ(script.returns("w1").kind, VerdictKind::Legal);
  EXPECT_EQ(copy.returns("w1", ENOSPC).kind, VerdictKind::Legal);
}

TEST(Partitions, P8WhatWasMadeBeforeARefusalStays) {
  Script script(
      "bioscope-trace 1\nseed 1\ndisk d0 null size=8192\nlane A\n"
      "  p: partition d0 \"0+8,64+8,8190+8\"\n  r1: read d0p2 0+8\n  r2: read d0p3 0+2\n");
  script.invoke("p");
  EXPECT_EQ(script.returns("p", EINVAL).kind, VerdictKind::Legal);
  script.invoke("r1");
  EXPECT_EQ(script.reads("r1", "").kind, VerdictKind::Legal);
  script.invoke("r2");
  EXPECT_EQ(script.returns("r2", ENOENT).kind, VerdictKind::Legal);
}

}  // namespace
}  // namespace bioscope
