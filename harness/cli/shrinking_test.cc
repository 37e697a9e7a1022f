// SPDX-License-Identifier: Apache-2.0
#include "harness/cli/shrinking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <sstream>

#include "models/spec/player.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

using testing::HasSubstr;

// Does everything right, but that what is first written to a device is lost and that a flush fails.
class WrongPlayer final : public BatchPlayer {
 public:
  struct Ways {
    bool loses_writes = true;
    bool fails_flushes = false;
    // Traces of fewer operations show nothing when they are played alone.
    std::size_t alone_needs = 0;
    std::size_t plays_before_trouble = SIZE_MAX;
    // Traces of fewer operations show nothing with an even seed.
    std::size_t even_seeds_need = 0;
    std::function<void(std::size_t played)> on_play;
  };
  explicit WrongPlayer(Ways ways) : ways_(std::move(ways)) {}

  BatchOutcome play(std::span<const BatchJob> jobs, const OnPlayed&) override {
    BatchOutcome outcome;
    for (const BatchJob& job : jobs) {
      if (ways_.on_play) ways_.on_play(played_);
      Play play;
      play.trace = job.job.trace;
      if (played_++ >= ways_.plays_before_trouble) {
        outcome.trouble = "no memory";
      } else {
        play.end = PlayEnd::Played;
        play.history = perfect_history(job.job.trace);
        const bool shy = jobs.size() == 1 && operation_count(job.job.trace) < ways_.alone_needs;
        const bool lucky =
            job.seed % 2 == 0 && operation_count(job.job.trace) < ways_.even_seeds_need;
        if (!shy && !lucky) spoil(play);
      }
      outcome.plays.push_back(std::move(play));
    }
    return outcome;
  }

 private:
  void spoil(Play& play) const {
    std::optional<OperationId> lost;
    for (Event& event : play.history.events) {
      if (event.kind != EventKind::Return) continue;
      const OperationKind kind = operation_at(play.trace, event.operation).kind;
      if (kind == OperationKind::Write && !lost) lost = event.operation;
      if (kind == OperationKind::Flush && ways_.fails_flushes) event.error = EIO;
      for (SectorRun& run : event.data) {
        const auto* stamp = std::get_if<Stamp>(&run.first);
        if (ways_.loses_writes && stamp != nullptr && stamp->operation == lost) run.first = Zero{};
      }
    }
  }

  Ways ways_;
  std::size_t played_ = 0;
};

constexpr std::string_view kTrace =
    "bioscope-trace 1\nseed 9\ndisk d0 null size=4096\ndisk d1 null size=64\nlane A\n"
    "  create x; load x \"0 4096 linear d0 0\"; resume x\n  write x 0+8\n  flush x\n  read x 4+8\n"
    "  status x\nlane B\n  w: async write d1 0+8\n  wait w\n  read d1 0+8 nowait\n";

class ShrinkOn : public testing::Test {
 protected:
  ShrinkReport shrink(WrongPlayer::Ways ways, bool packs = false) {
    ChosenSubject subject(std::make_unique<WrongPlayer>(std::move(ways)), packs);
    std::ostringstream silent;
    Progress progress(silent, false, request_.max_candidates, [] { return 0.0; });
    return shrink_on(subject, request_, interrupt_, progress,
                     [this](std::string_view line) { said_ += std::string(line) + "\n"; });
  }

  Interrupt interrupt_;
  ShrinkRequest request_{.name = "t", .trace = parse_trace(kTrace, "t").value()};
  std::string said_;
};

TEST_F(ShrinkOn, AFindingLosesAllThatIsNotItself) {
  for (const bool packs : {false, true}) {
    const ShrinkReport report = shrink({}, packs);
    EXPECT_EQ(report.status, ExitStatus::Passed) << report.message;
    ASSERT_TRUE(report.trace);
    EXPECT_EQ(print_trace(*report.trace),
              "bioscope-trace 1\nseed 1\ndisk d1 null size=1 lbs=512\nlane B\n"
              "  write d1 0+1\n  read d1 0+1\n");
    EXPECT_EQ(report.signature, "P1/-/read");
    EXPECT_THAT(report.message, HasSubstr("10 operations became 2"));
  }
}

TEST_F(ShrinkOn, WithoutAFindingThereIsNothingToShrink) {
  const ShrinkReport report = shrink({.loses_writes = false});
  EXPECT_EQ(report.status, ExitStatus::BadInput);
  EXPECT_EQ(report.message, "nothing to shrink: t shows no finding");
  EXPECT_FALSE(report.trace);
}

TEST_F(ShrinkOn, OfSeveralTheOneThatIsAskedForIsKept) {
  request_.rule = "R4";
  const ShrinkReport flush = shrink({.fails_flushes = true});
  EXPECT_EQ(flush.signature, "R4/linear/flush");
  EXPECT_THAT(print_trace(*flush.trace), testing::Not(HasSubstr("read")));
  EXPECT_THAT(said_, HasSubstr("; shrinking R4/linear/flush"));
  request_.rule.clear();
  request_.signature = "P1/-/read";
  const ShrinkReport read = shrink({.fails_flushes = true});
  EXPECT_THAT(print_trace(*read.trace), testing::Not(HasSubstr("flush")));
  request_.signature = "P1/-/write";
  const ShrinkReport none = shrink({.fails_flushes = true});
  EXPECT_EQ(none.status, ExitStatus::BadInput);
  EXPECT_THAT(none.message, HasSubstr("shows no such finding, but P1/-/read"));
}

TEST_F(ShrinkOn, WhatCannotBeJudgedIsNotShrunk) {
  const ShrinkReport report = shrink({.plays_before_trouble = 0});
  EXPECT_EQ(report.status, ExitStatus::NotJudged);
  EXPECT_FALSE(report.trace);
}

TEST_F(ShrinkOn, TroubleEndsWithTheBestSoFar) {
  const ShrinkReport report = shrink({.plays_before_trouble = 6});
  EXPECT_EQ(report.status, ExitStatus::NotJudged);
  EXPECT_THAT(report.message, HasSubstr("no memory"));
  ASSERT_TRUE(report.trace);
  EXPECT_LT(operation_count(*report.trace), operation_count(request_.trace));
}

TEST_F(ShrinkOn, AnInterruptEndsWithTheBestSoFar) {
  const ShrinkReport report = shrink({.on_play = [this](std::size_t played) {
    if (played == 6) interrupt_.raise();
  }});
  EXPECT_EQ(report.status, ExitStatus::Interrupted);
  ASSERT_TRUE(report.trace);
  EXPECT_LT(operation_count(*report.trace), operation_count(request_.trace));
}

TEST_F(ShrinkOn, TheBudgetIsKeptAndTold) {
  request_.max_candidates = 3;
  const ShrinkReport report = shrink({});
  EXPECT_EQ(report.status, ExitStatus::Passed);
  EXPECT_THAT(report.message, HasSubstr("after 3 candidates; there may be a smaller one"));
}

TEST_F(ShrinkOn, ACandidateHasToShowInEveryPlay) {
  EXPECT_EQ(operation_count(*shrink({.even_seeds_need = 6}).trace), 2U);
  request_.plays = 2;
  for (const bool packs : {false, true}) {
    const ShrinkReport report = shrink({.even_seeds_need = 6}, packs);
    EXPECT_EQ(report.status, ExitStatus::Passed);
    EXPECT_EQ(operation_count(*report.trace), 6U);
  }
  const ShrinkReport none = shrink({.even_seeds_need = 100});
  EXPECT_EQ(none.status, ExitStatus::BadInput);
  EXPECT_THAT(none.message, HasSubstr("in each of 2 plays"));
}

TEST_F(ShrinkOn, TroubleBeforeTheLastPlayAloneIsTold) {
  const auto whole = shrink({}, /*packs=*/true);
  ASSERT_EQ(whole.status, ExitStatus::Passed);
  std::size_t plays = 0;
  shrink({.on_play = [&](std::size_t) { ++plays; }}, /*packs=*/true);
  const ShrinkReport report = shrink({.plays_before_trouble = plays - 1}, /*packs=*/true);
  EXPECT_EQ(report.status, ExitStatus::NotJudged);
  EXPECT_EQ(report.message, "no memory before the trace had been played alone");
  EXPECT_EQ(report.trace, whole.trace);
}

TEST_F(ShrinkOn, WhatShowsOnlyInCompanyIsNotTaken) {
  const ShrinkReport report = shrink({.alone_needs = 7}, /*packs=*/true);
  EXPECT_EQ(report.status, ExitStatus::Passed);
  ASSERT_TRUE(report.trace);
  EXPECT_GE(operation_count(*report.trace), 7U);
  EXPECT_THAT(said_, HasSubstr("played alone, the trace of 2 operations does not show it"));
}

}  // namespace
}  // namespace bioscope
