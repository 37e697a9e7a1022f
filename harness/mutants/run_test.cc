// SPDX-License-Identifier: Apache-2.0
// The harness of the mutants, with players that are planted themselves.
#include "harness/mutants/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "harness/mutants/isolated.h"
#include "models/spec/player.h"
#include "models/trace/text.h"

namespace bioscope {
namespace {

using testing::HasSubstr;

const Job& sample() {
  static const Job job{
      "sample.trace",
      *parse_trace("bioscope-trace 1\nseed 1\ndisk d0 null size=1024\nlane A\n  create y\n"
                   "  load y \"0 1024 linear d0 0\"\n  resume y\n  write y 0+8\n  read y 0+8\n",
                   "sample")};
  return job;
}

// Right, but that reads give zeroes where `wrong` says so.
Result<History> play(const Job& job, bool wrong) {
  History history = perfect_history(job.trace);
  for (Event& event : history.events) {
    if (wrong && !event.data.empty()) event.data = {{event.count_sectors, Zero{}}};
  }
  return history;
}

std::vector<Mutant> one_mutant(u64 budget) {
  std::vector<Mutant> all = mutant_catalogue();
  all.resize(1);
  all[0].budget_plays = budget;
  all[0].check = MutantCheck::Traces;
  return all;
}

bool never() {
  return false;
}

TEST(Mutants, OneThatShowsIsFoundAndShrunk) {
  const PlayVariant player = [](const Job& job, const DefectSet& defects) {
    return play(job, defects.any());
  };
  const MutantRun run = run_mutants(one_mutant(100), std::span(&sample(), 1), player,
                                    {.jobs = 2, .shrink = true, .confirm_plays = 20}, never);
  ASSERT_EQ(run.rows.size(), 1U);
  ASSERT_TRUE(run.rows[0].hunt.find);
  EXPECT_EQ(run.rows[0].hunt.plays, 1U);
  EXPECT_TRUE(run.canary_found);
  EXPECT_LE(operation_count(*run.rows[0].shrunk), 5U);
  EXPECT_EQ(run.rows[0].confirmed_plays, 20U);
  EXPECT_EQ(run.rows[0].failed_plays, 0U);
  EXPECT_EQ(status_of(run), 0);
  const auto json = nlohmann::json::parse(to_json(run));
  EXPECT_EQ(json["found"], 1);
  EXPECT_EQ(json["mutants"][0]["trace"], "sample.trace");
}

TEST(Mutants, OneThatNeverShowsIsMissedWithinItsBudget) {
  std::atomic<u64> plays{0};
  const PlayVariant player = [&](const Job& job, const DefectSet& defects) {
    if (defects.any()) ++plays;
    return play(job, false);
  };
  const MutantRun run = run_mutants(one_mutant(50), std::span(&sample(), 1), player, {}, never);
  EXPECT_EQ(plays, 50U);
  EXPECT_FALSE(run.rows[0].hunt.find);
  EXPECT_EQ(status_of(run), 1);
  EXPECT_THAT(to_text(run), HasSubstr("MISSED"));
}

TEST(Mutants, WhatThePlainReferenceShowsAsWellIsNoFind) {
  const PlayVariant player = [](const Job& job, const DefectSet&) { return play(job, true); };
  const MutantRun run = run_mutants(one_mutant(50), std::span(&sample(), 1), player, {}, never);
  EXPECT_FALSE(run.rows[0].hunt.find);
  EXPECT_EQ(run.left_out, std::vector<std::string>{"sample.trace"});
  EXPECT_THAT(run.rows[0].hunt.trouble, HasSubstr("plain reference")) << "a generated one";
  EXPECT_GT(run.rows[0].hunt.plain_failures, 0U);
  EXPECT_NE(status_of(run), 0);
}

TEST(Mutants, WithoutTheCanaryNothingCounts) {
  // Nothing that is read can be spoilt: what a judge is worth is not known.
  const PlayVariant player = [](const Job& job, const DefectSet& defects) {
    auto history = play(job, false);
    for (Event& event : history->events) {
      if (!event.data.empty() && !defects.any()) event.error = EIO;
      event.data.clear();
    }
    return history;
  };
  const MutantRun run = run_mutants(one_mutant(5), std::span(&sample(), 1), player, {}, never);
  EXPECT_FALSE(run.canary_found);
  EXPECT_EQ(status_of(run), 3);
  EXPECT_THAT(to_text(run), HasSubstr("nothing here counts"));
}

TEST(Mutants, AnInterruptedRunSaysSo) {
  const PlayVariant player = [](const Job& job, const DefectSet&) { return play(job, false); };
  const MutantRun run =
      run_mutants(one_mutant(5), std::span(&sample(), 1), player, {}, [] { return true; });
  EXPECT_EQ(status_of(run), 130);
}

TEST(Mutants, APlayThatDiesIsACrashAndNothingElse) {
  const PlayVariant player = isolated([](const Job& job, const DefectSet& defects) {
    if (defects.any()) std::abort();
    return play(job, false);
  });
  const MutantRun run = run_mutants(one_mutant(5), std::span(&sample(), 1), player, {}, never);
  ASSERT_TRUE(run.rows[0].hunt.find);
  EXPECT_EQ(run.rows[0].hunt.find->finding.signature.rule, "crash");
  EXPECT_TRUE(run.canary_found);
}

TEST(Mutants, APlayApartTellsWhatItPlayed) {
  DefectSet one;
  one.set(0);
  const PlayVariant right = [](const Job& job, const DefectSet&) { return play(job, false); };
  EXPECT_EQ(*isolated(right)(sample(), one), *right(sample(), one));
  const PlayVariant refuses = [](const Job&, const DefectSet&) -> Result<History> {
    return could_not_judge("it lacks something");
  };
  EXPECT_EQ(isolated(refuses)(sample(), one).error().message, "it lacks something");
}

TEST(Mutants, NamesAreUniqueAndUnknownOnesRefused) {
  std::vector<std::string> names;
  for (const Mutant& mutant : mutant_catalogue()) names.emplace_back(mutant.info.name);
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  const std::vector<std::string> unknown{"D-z"};
  EXPECT_THAT(choose_mutants(unknown).error().message, HasSubstr("no mutant 'D-z'"));
}

}  // namespace
}  // namespace bioscope
