// SPDX-License-Identifier: Apache-2.0
// Every defect that is planted in these targets is found by the scenario that is named here; the
// scenarios themselves pass when none is on.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {
namespace {

constexpr u64 kBudgetRuns = 3000;

struct Mutant {
  Defect defect;
  std::string_view scenario;
};

constexpr Mutant kMutants[] = {
    {Defect::StripeNext, "Striped.ChunksGoRound"},
    {Defect::StripePartialChunk, "Striped.ADiscardCoversItsRange"},
    {Defect::StripeFlushFirstOnly, "Striped.AFlushGoesToEveryStripe"},
    {Defect::ZeroLeavesLastSegment, "Zero.ReadsZeroesAndDropsWrites"},
    {Defect::ZeroRefusesWrites, "Zero.ReadsZeroesAndDropsWrites"},
    {Defect::ErrorSucceeds, "ErrorTarget.FailsEverythingButAFlush"},
    {Defect::DelayHoldsAtSuspend, "Delay.ASuspendLetsEverythingGo"},
    {Defect::DelayTimerForgotten, "Delay.WritersWhileItIsSuspendedAndResumed"},
    {Defect::DelayReverses, "Delay.ASuspendLetsEverythingGo"},
    {Defect::DelayLosesOne, "Delay.ASuspendLetsEverythingGo"},
    {Defect::DelayStatusSwapped, "Delay.ASuspendLetsEverythingGo"},
    {Defect::FlakeyDownLate, "Flakey.IsDownByTheClock"},
    {Defect::FlakeyDropsReads, "Flakey.DropWrites"},
    {Defect::FlakeyKillsFlush, "Flakey.DropWrites"},
    {Defect::FlakeyWritesPass, "Flakey.ErrorWrites"},
    {Defect::FlakeyConflictAccepted, "Flakey.WhatTheConstructorRefuses"},
    {Defect::FlakeyNextByte, "Flakey.CorruptsTheNthByte"},
    {Defect::LogBeforeCompletion, "LogWrites.AFlushTakesAlongWhatHasCompleted"},
    {Defect::LogFlushKeepsWrites, "LogWrites.AFlushTakesAlongWhatHasCompleted"},
    {Defect::LogFuaWaits, "LogWrites.FuaAndMarksAreLoggedAtOnce"},
    {Defect::LogSuperFirst, "LogWrites.FuaAndMarksAreLoggedAtOnce"},
    {Defect::LogNoData, "LogWrites.TheLogKeepsACopy"},
    {Defect::LogDiscardData, "LogWrites.ADiscardHasNoData"},
    {Defect::LogMarkLost, "LogWrites.Messages"},
};

constexpr std::array<std::string_view, 6> kTargets{"striped", "zero",   "error",
                                                   "delay",   "flakey", "log-writes"};

// The number of the run that does not finish, 0 if all do.
u64 found_after(const Mutant& mutant) {
  planted_defects = {};
  planted_defects.set(static_cast<std::size_t>(mutant.defect));
  const blk::testing::Scenario scenario = blk::testing::scenarios().at(mutant.scenario);
  u64 found = 0;
  for (u64 seed = 1; seed <= kBudgetRuns && found == 0; ++seed) {
    if (rt::run({.seed = seed}, scenario).end != rt::End::Finished) found = seed;
  }
  planted_defects = {};
  return found;
}

TEST(TargetMutants, EachIsFound) {
  for (const Mutant& mutant : kMutants) {
    const DefectInfo& info = defect_table()[static_cast<std::size_t>(mutant.defect)];
    const u64 runs = found_after(mutant);
    EXPECT_NE(runs, 0U) << info.name << ": " << info.what << ": not found by " << mutant.scenario;
    RecordProperty(std::string(info.name), static_cast<int>(runs));
  }
}

TEST(TargetMutants, NoneIsLeftOut) {
  for (const DefectInfo& info : defect_table()) {
    if (std::ranges::find(kTargets, info.where) == kTargets.end()) continue;
    EXPECT_NE(std::ranges::find(kMutants, info.defect, &Mutant::defect), std::end(kMutants))
        << info.name << " has no scenario that finds it";
  }
}

}  // namespace
}  // namespace bioscope::dm
