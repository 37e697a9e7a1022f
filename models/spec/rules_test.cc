// SPDX-License-Identifier: Apache-2.0
// One row a rule (testing/row.h).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "models/spec/testing/row.h"

namespace bioscope {
namespace {

#define LINEAR "  create y; load y \"0 1024 linear d0 8\"; resume y\n"
#define ORIGIN                                                         \
  "  create org; load org \"0 8192 snapshot-origin d0\"; resume org\n" \
  "  write org 0+128\n  create snap; suspend org\n"
#define SNAPSHOT(store) \
  ORIGIN "  load snap \"0 8192 snapshot d0 c0 " store "\"; resume snap; resume org\n"
#define LOG "  create l; load l \"0 4096 log-writes d0 c0\"; resume l\n"
#define ERA "  create e; load e \"0 4096 era c0 d0 8\"; resume e\n"

const Row kRows[] = {
    {"R1", LINEAR "  x: read y 1020+8\n", Breaks::Short},
    {"R1", LINEAR "  x: bio y write 1020+8\n", Breaks::Error, 0},
    {"R3", LINEAR "  load y \"0 1024 linear d0 8\" readonly; resume y\n  x: write y 0+8\n",
     Breaks::Error, 0},
    {"R4", LINEAR "  x: flush y\n", Breaks::Error, EIO},
    {"R5", "  x: discard d0 0+8\n", Breaks::Error, 0},
    {"R5", "  x: secure-erase d0 0+8\n", Breaks::Error, EIO},
    {"R6", "  x: bio d0 flush 0+0\n", Breaks::Error, 0},
    {"R10", LINEAR "  x: read y 0+8 nowait\n", Breaks::Error, EIO, "", "R46"},
    {"R19",
     "  create a; load a \"0 8 linear f0 0; 8 8 linear d0 0\"; resume a\n  w: write a 0+8\n"
     "  x: write a 4+8\ndisk-script\n  fail f0 write EIO after returned w\n",
     Breaks::Error, EINVAL},
    {"R21", "  freeze d0; thaw d0\n  x: thaw d0\n", Breaks::Error, 0},
    {"R23", "  x: freeze d0\n", Breaks::Error, EINVAL},
    {"R26", "  create a\n  x: create a\n", Breaks::Error, 0},
    {"R26", "  x: ioctl \"command=create name=a/b\"\n", Breaks::Error, 0},
    {"R27", "  x: suspend ghost\n", Breaks::Error, 0},
    {"R27", "  create a uuid=\"U\"\n  x: ioctl \"command=status name=a uuid=U\"\n", Breaks::Error,
     0},
    {"R28", "  create a\n  x: ioctl \"command=status name=a uid=1000\"\n", Breaks::Error, 0},
    {"R28", "  x: ioctl \"command=200\"\n", Breaks::Error, EINVAL},
    {"R29", "  create a\n  x: load a \"0 8 linear d0 0; 16 8 linear d0 8\"\n", Breaks::Error, 0},
    {"R29", "  create a\n  x: load a \"0 8 nosuch d0 0\"\n", Breaks::Error, 0},
    {"R29", "  create a\n  x: ioctl \"command=load name=a targets=1048577\"\n", Breaks::Error,
     EINVAL},
    {"R30", LINEAR "  load y \"0 8 linear d1 0\"\n  x: table y\n", Breaks::Text, 0,
     "0 8 linear d1 0"},
    {"R31", LINEAR "  suspend y\n  x: suspend y\n", Breaks::Error, EINVAL},
    {"R31", "  create a; suspend a\n  x: resume a\n", Breaks::Error, 0},
    {"R32", "  create a; load a \"0 8192 linear d0 8\"\n  x: resume a\n", Breaks::Error, 0},
    {"R33", LINEAR "  load y \"0 8 linear d1 0\"; resume y\n  x: info y\n", Breaks::Text, 0,
     "state=suspended live=1 inactive=0 open=0 targets=1 readonly=0 deferred=0 uuid=", "R31"},
    {"R34", LINEAR "  open y\n  x: remove y\n", Breaks::Error, 0},
    {"R34", LINEAR "  write y 0+8\n  x: remove y\n", Breaks::Error, EBUSY},
    {"R34", LINEAR "  bio y write 0+8; flush y; open y; close y\n  x: remove y\n", Breaks::Error,
     EBUSY},
    {"R34",
     LINEAR "  create z; load z \"0 8 linear y 0; 8 8 linear y 8\"; resume z\n  write z 0+8\n"
            "  remove z\n  x: remove y\n",
     Breaks::Error, EBUSY},
    {"R34", LINEAR "  write y 0+8\n  x: info y\n", Breaks::Text, 0,
     "state=active live=1 inactive=0 open=1 targets=1 readonly=0 deferred=0 uuid="},
    {"R34",
     LINEAR
     "  create z; load z \"0 8 linear y 0; 8 8 linear y 8; 16 8 linear y 16\"\n  x: info y\n",
     Breaks::Text, 0,
     "state=active live=1 inactive=0 open=3 targets=1 readonly=0 deferred=0 uuid="},
    {"R34", LINEAR "  open y; remove y deferred; close y\n  x: status y\n", Breaks::Error, 0, "",
     "R27"},
    {"R35", LINEAR "  x: suspend y\n", Breaks::Error, EIO},
    {"R38", LINEAR "  suspend y\n  x: read y 0+8 nowait\n", Breaks::Error, 0},
    {"R40", LINEAR "  suspend y\n  x: resume y\n", Breaks::Error, EIO},
    {"R41",
     "  create a; load a \"0 8 linear d0 0; 8 8 linear d1 0\"; resume a\n  write a 4+8\n"
     "  x: read d1 0+4\n",
     Breaks::Value, 0, "", "P1"},
    {"R43", "  create a; load a \"0 8 error\"; resume a\n  x: discard a 0+8\n", Breaks::Error, 0,
     "", "R59"},
    {"R45", "  create a\n  x: write a 0+8\n", Breaks::Error, 0},
    {"R46", LINEAR "  write y 0+8\n  x: read y 0+8\n", Breaks::Value},
    {"R46", "  create a; load a \"0 8 zero\"; resume a\n  write a 0+8\n  x: read a 0+8\n",
     Breaks::Value},
    {"R46", "  create a; load a \"0 8 error\"; resume a\n  x: read a 0+8\n", Breaks::Error, 0},
    {"R47",
     "  create a; load a \"0 64 striped 2 8 d0 0 d1 0\"; resume a\n  write a 0+64\n"
     "  x: read a 0+64\n",
     Breaks::Value},
    {"R47", "  create a\n  x: load a \"0 63 striped 2 8 d0 0 d1 0\"\n", Breaks::Error, 0},
    {"R48", "  create a; load a \"0 64 delay d0 0 5\"; resume a\n  write a 0+8\n  x: read a 0+8\n",
     Breaks::Value},
    {"R49", "  create a\n  x: load a \"0 64 flakey d0 0 0 0\"\n", Breaks::Error, 0},
    {"R49", "  create a; load a \"0 64 flakey d0 0 9 0\"; resume a\n  x: read a 0+8\n",
     Breaks::Error, EIO},
    {"R50",
     "  create a; load a \"0 64 flakey d0 0 0 9 1 drop_writes\"; resume a\n  write a 0+8\n"
     "  x: read a 0+8\n",
     Breaks::Value},
    {"R50", "  create a; load a \"0 64 flakey d0 0 0 9\"; resume a\n  x: write a 0+8\n",
     Breaks::Error, 0},
    {"R51", LOG "  write l 0+8\n  x: message l 0 \"mark two words\"\n", Breaks::Error, 0},
    {"R51", LOG "  write l 0+8; flush l; write l 8+8; remove l\n  x: log-dump c0\n", Breaks::Text,
     0, "entries=3 0+8:write,op3@0*8 0+0:flush 0+0:mark=dm-log-writes-end"},
    {"R51", LOG "  write l 0+8; flush l; write l 8+8; remove l\n  x: log-dump c0\n", Breaks::Text,
     0, "entries=4 0+8:write,0*8 0+0:flush 8+8:write,op5@8*8 0+0:mark=dm-log-writes-end"},
    {"R51", LOG "  write l 0+8; message l 0 \"mark m\"\n  x: log-dump c0\n", Breaks::Text, 0,
     "entries=2 0+8:write,op3@0*8 0+0:mark=m"},
    {"R51", LOG "  write l 0+8; flush l; message l 0 \"mark m\"\n  x: log-dump c0\n", Breaks::Text,
     0, "entries=2 0+0:flush 0+0:mark=m"},
    {"R51", LOG "  discard l 0+8; message l 0 \"mark m\"; remove l\n  x: log-dump c0\n",
     Breaks::Text, 0, "entries=3 0+8:discard 0+0:mark=m 0+0:mark=dm-log-writes-end"},
    {"R51", LOG "  write l 0+8; remove l\n  x: log-dump c0\n", Breaks::Error, EINVAL},
    {"R52", "  create a\n  x: load a \"0 4096 era c0 d0 12\"\n", Breaks::Error, 0},
    {"R53", ERA "  write e 0+8\n  suspend e\n  x: era-dump c0\n", Breaks::Text, 0, "era=1"},
    {"R54", ERA "  message e 0 \"checkpoint\"\n  suspend e\n  x: era-dump c0\n", Breaks::Text, 0,
     "era=1"},
    {"R54", ERA "  x: message e 0 \"nosuch\"\n", Breaks::Error, 0},
    {"R55",
     "  create e; load e \"0 4096 era c0 f0 8\"; resume e\n  discard e 0+24\n  suspend e\n"
     "  x: era-dump c0\n",
     Breaks::Text, 0, "era=1", "R53"},
    {"R56", ERA "  suspend e; load e \"0 4096 era c0 d0 8\"\n  x: resume e\n", Breaks::Hangs},
    {"R58", ERA "  x: status e\n", Breaks::Text, 0, "0 4096 era 8 5/1024 7 -"},
    {"R59", "  create a; load a \"0 64 snapshot-origin d0\"; resume a\n  x: discard a 0+8\n",
     Breaks::Error, 0},
    {"R60", ORIGIN "  x: load snap \"0 8192 snapshot d0 c0 N 12\"\n", Breaks::Error, 0},
    {"R61",
     "  write d1 0+8\n  write c0 0+8\n" ORIGIN "  x: load snap \"0 8192 snapshot d0 c0 P 8\"\n",
     Breaks::Error, 0},
    {"R62",
     SNAPSHOT("P 8") "  write org 0+8\n  suspend org; remove snap\n  create s2\n"
                     "  load s2 \"0 8192 snapshot d0 c0 P 8\"; resume s2; resume org\n"
                     "  x: read s2 0+8\n",
     Breaks::Value, 0, "", "R65"},
    {"R63", SNAPSHOT("P 8") "  write org 0+16\n  x: status snap\n", Breaks::Text, 0,
     "0 8192 snapshot 16/8192 16", "R70"},
    {"R65", SNAPSHOT("N 8") "  write org 0+8\n  x: read snap 0+8\n", Breaks::Value},
    {"R66", SNAPSHOT("N 8") "  write snap 2+2\n  x: read snap 0+8\n", Breaks::Value, 0, "", "R65"},
    {"R67", SNAPSHOT("N 8") "  x: write org 0+64\n", Breaks::Error, EIO},
    {"R68",
     "  create cow; load cow \"0 16 linear c0 0\"; resume cow\n" ORIGIN
     "  load snap \"0 8192 snapshot d0 cow N 8\"; resume snap; resume org\n  write org 0+64\n"
     "  x: status snap\n",
     Breaks::Text, 0, "0 8192 snapshot 16/16 0", "R70"},
    {"R69",
     "  create cow; load cow \"0 16 linear c0 0\"; resume cow\n" ORIGIN
     "  load snap \"0 8192 snapshot d0 cow N 8\"; resume snap; resume org\n  write org 0+64\n"
     "  status snap\n  x: read snap 0+8\n",
     Breaks::Error, 0},
    {"R70", SNAPSHOT("N 8") "  write org 0+8\n  x: status snap\n", Breaks::Text, 0,
     "0 8192 snapshot 0/8192 0"},
    {"R70", LINEAR "  x: message y 0 \"hello\"\n", Breaks::Error, 0},
    {"R71", SNAPSHOT("P 8") "  create s2; load s2 \"0 8192 snapshot d0 c0 P 8\"\n  x: resume s2\n",
     Breaks::Error, 0},
    {"R72", ORIGIN "  x: load org \"0 8192 snapshot-merge d0 c0 N 8\"\n", Breaks::Error, 0},
    {"R73",
     SNAPSHOT("P 8") "  write snap 0+8\n  suspend org; remove snap\n"
                     "  load org \"0 8192 snapshot-merge d0 c0 P 8\"; resume org\n"
                     "  write org 4+8\n  x: read org 0+16\n",
     Breaks::Value, 0, "", "R65"},
    {"R74",
     "  create org; load org \"0 8192 snapshot-origin d0\"; resume org\n  write org 0+128\n"
     "  create snap; load snap \"0 8192 snapshot d0 c0 N 8\"; resume snap\n"
     "  write org 0+128\n  x: read snap 8+8\n",
     Breaks::Value, 0, "", nullptr, VerdictKind::Hazard},
    {"R75",
     "  create org; load org \"0 8192 snapshot-origin d0\"; resume org\n  write org 0+128\n"
     "  create snap; load snap \"0 8192 snapshot org c0 N 8\"; resume snap\n"
     "  write org 0+128\n  x: read snap 0+8\n",
     Breaks::Value, 0, "", nullptr, VerdictKind::Hazard},
    {"P3", "  create a; load a \"0 64 delay d0 0 5\"; resume a; suspend a\n  x: status a\n",
     Breaks::Text, 0, "0 64 delay 1 0 0"},
    {"P11",
     "  create a; load a \"0 8 linear d0 0; 8 8 linear d1 0\"; resume a\n  write a 0+16\n"
     "  x: read a 4+8\n",
     Breaks::Value, 0, "", "R46"},
    {"P11", "  create a; load a \"0 8 linear d0 0; 8 8 linear d1 0\"; resume a\n  x: read a 4+8\n",
     Breaks::Short, 0, "", "R1"},
    {"P5", "  mkfs d0 ext4; mount d0 m; file-write m/a 0+8; umount m\n  x: fsck d0 ext4\n",
     Breaks::Error, EUCLEAN},
    {"P5", "  mkfs d0 ext4; mount d0 m; file-write m/a 0+8\n  x: file-read m/a 0+8\n",
     Breaks::Value},
    {"R22", "  mkfs d0 ext4; mount d0 m; freeze m\n  x: freeze m\n", Breaks::Error, 0},
    {"R24",
     LINEAR "  load y \"0 8192 linear d0 0\"; resume y; mkfs y ext4; mount y m; suspend y\n"
            "  thaw m\n  resume y\n  umount m\n  x: mount y m\n",
     Breaks::Error, EBUSY},
};

class RuleRow : public testing::TestWithParam<Row> {};

TEST_P(RuleRow, RightIsLegalAndWrongIsFound) {
  check_row(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Rules, RuleRow, testing::ValuesIn(kRows), row_name);

TEST(Leftovers, P10WhatStaysAfterTheEndIsFoundAndWhatIsAsBeforeIsNot) {
  const auto trace = parse_trace(std::string(kHead) + LINEAR "  remove y\n", "P10");
  ASSERT_TRUE(trace.has_value()) << trace.error().message;
  History history = perfect_history(*trace);
  const auto judge = [&](i64 after) {
    history.leftovers = {{"open count of d0", 1, after}};
    Model model(*trace);
    for (const Event& event : history.events) model.apply(event);
    return model.finish(history);
  };
  EXPECT_TRUE(judge(1).empty());
  const auto verdicts = judge(2);
  ASSERT_EQ(verdicts.size(), 1U);
  EXPECT_EQ(verdicts[0].kind, VerdictKind::Violation);
  EXPECT_EQ(verdicts[0].rule, property(10));
}

TEST(RuleTable, HoldsR1ToR75AndP1ToP11) {
  ASSERT_EQ(rule_table().size(), 86U);
  for (u8 number = 1; number <= 75; ++number) {
    EXPECT_EQ(name_of(rule(number)), fmt::format("R{}", number));
  }
  for (u8 number = 1; number <= 11; ++number) {
    EXPECT_EQ(name_of(property(number)), fmt::format("P{}", number));
  }
  EXPECT_EQ(find_rule("R74")->id, rule(74));
  EXPECT_EQ(find_rule("R76"), nullptr);
}

}  // namespace
}  // namespace bioscope
