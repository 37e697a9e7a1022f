// SPDX-License-Identifier: Apache-2.0
#include "harness/gate/judge.h"

#include <gtest/gtest.h>

#include "models/trace/text.h"

namespace bioscope {
namespace {

constexpr const char* kEra = R"(bioscope-trace 1
seed 1
disk d0 null size=1024
disk m0 null size=1024
lane A
  create e; load e "0 1024 era m0 d0 8"; resume e
  suspend e
  resume e
lane B
  status e
)";

struct Scene {
  BatchJob job;
  Play play;
};

Scene hung() {
  Scene scene;
  scene.job.job = {"e.trace", *parse_trace(kEra, "e.trace")};
  scene.job.seed = 9;
  scene.play.end = PlayEnd::Played;
  scene.play.trace = scene.job.job.trace;
  scene.play.history.end = HistoryEnd::Hung;
  scene.play.history.note =
      "[<0>] wait_for_completion+0x1/0x2\n[<0>] perform_rpc.isra.0+0x9/0xf [dm_era]\n";
  for (const OperationId id : {0U, 1U, 2U, 3U}) {
    scene.play.history.events.push_back({.operation = id, .kind = EventKind::Invoke});
    scene.play.history.events.push_back({.operation = id, .kind = EventKind::Return});
  }
  scene.play.history.events.push_back({.operation = 5, .kind = EventKind::Invoke});
  scene.play.history.events.push_back({.operation = 4, .kind = EventKind::Invoke});
  return scene;
}

TEST(Judge, AHangNamesItsOperationAndItsPlace) {
  const Scene scene = hung();
  const Finding finding = unfinished_finding(scene.job, scene.play);
  EXPECT_EQ(finding.kind, FindingKind::Violation);
  EXPECT_EQ(to_text(finding.signature), "hang/era/status/perform_rpc");
  EXPECT_EQ(finding.operation, OperationId{5});
  EXPECT_EQ(finding.seed, 9U);
}

TEST(Judge, AHistoryThatDidNotEndNeverPasses) {
  Scene scene = hung();
  for (const HistoryEnd end : {HistoryEnd::Hung, HistoryEnd::Crashed, HistoryEnd::NotJudged}) {
    scene.play.history.end = end;
    EXPECT_FALSE(judge_play(scene.job, scene.play).findings.empty());
  }
}

TEST(Judge, SilenceIsAHangAndAPanicAPanic) {
  Scene scene = hung();
  scene.play.end = PlayEnd::GuestLost;
  scene.play.console = "RIP: 0010:origin_map+0x1/0x2 [dm_snapshot]\n";
  scene.play.ending = "silence";
  EXPECT_EQ(to_text(lost_guest_finding(scene.job, scene.play).signature), "hang/era/-/origin_map");
  scene.play.ending = "panic";
  EXPECT_EQ(to_text(lost_guest_finding(scene.job, scene.play).signature), "panic/era/-/origin_map");
}

TEST(Judge, WhatWasCalledUpFromOutsideIsNoPartOfAFinding) {
  Scene scene = hung();
  scene.play.end = PlayEnd::GuestLost;
  scene.play.ending = "silence";
  scene.play.evidence = "RIP: 0010:origin_map+0x1/0x2 [dm_snapshot]\n";
  const Finding finding = lost_guest_finding(scene.job, scene.play);
  EXPECT_EQ(to_text(finding.signature), "hang/era/-");
  EXPECT_TRUE(finding.stack.empty());
}

TEST(Judge, WhatWasNotPlayedHasNoFindings) {
  Scene scene = hung();
  scene.play.end = PlayEnd::NotPlayed;
  EXPECT_TRUE(judge_play(scene.job, scene.play).findings.empty());
}

}  // namespace
}  // namespace bioscope
