// SPDX-License-Identifier: Apache-2.0
// Every defect that is planted in the block core is found by the scenario that is named here. In a
// program of its own, built with the switches; the scenarios themselves pass in it when none is on.
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "models/interposer/block/testing/scenario.h"
#include "models/interposer/variants.h"

namespace bioscope::blk {
namespace {

constexpr u64 kBudgetRuns = 3000;

struct Mutant {
  Defect defect;
  std::string_view scenario;
};

constexpr Mutant kMutants[] = {
    {Defect::EndCheckOffByOne, "Submit.EndOfDevice"},
    {Defect::RemapTwice, "Submit.APartitionIsAddedOnce"},
    {Defect::SetDevKeepsRemapped, "Bio.RemappedGoesWithTheDevice"},
    {Defect::CloneKeepsRemapped, "Bio.RemappedGoesWithTheDevice"},
    {Defect::EmptyFlushPasses, "Submit.FlushesMeanNothingWithoutACache"},
    {Defect::FifoOrder, "Submit.OlderBiosWaitForLowerLevels"},
    {Defect::PointerBeforeEntry, "Interpose.UnderAWriter"},
    {Defect::AttachSkipsQueueFreeze, "Interpose.AnAttachWaitsForRequestsOnTheirWay"},
    {Defect::DetachDoesNotWait, "Interpose.UnderAWriter"},
    {Defect::NoUnremap, "Interpose.APartitionsInterposerSeesItsOwnSectors"},
    {Defect::BypassPassesDisk, "Interpose.APartitionAndItsDisk"},
    {Defect::FreezeDoesNotWait, "RequestQueue.AFreezeWaitsForThoseInside"},
    {Defect::UnfreezeAtFirst, "RequestQueue.FreezesNest"},
    {Defect::UnfreezeWakesNobody, "RequestQueue.FreezesNest"},
    {Defect::ThawAtFirst, "Freeze.CountsAndThawsWithTheLast"},
    {Defect::FailedFreezeCounts, "Freeze.ErrorsUnwind"},
    {Defect::FailedFreezeHoldsWriters, "Freeze.ErrorsUnwind"},
    {Defect::MountWhileFrozen, "Freeze.WithoutAFileSystemItOnlyCounts"},
    {Defect::SplitDropsSector, "RequestDisk.SplitDataIsWhole"},
    {Defect::ChainNotCounted, "Bio.AParentEndsOnceWhenAllChildrenHave"},
    {Defect::ChildErrorDropped, "RequestDisk.AnErrorOfAPartIsTheBios"},
    {Defect::ChildErrorOverParents, "Bio.TheParentsOwnErrorOverwrites"},
    {Defect::MaxSectorsOffByOne, "Split.IsWhatTheModelSays"},
    {Defect::SplitIgnoresChunk, "Split.IsWhatTheModelSays"},
    {Defect::ChunkOffByOne, "Split.IsWhatTheModelSays"},
    {Defect::EndNotAligned, "Split.IsWhatTheModelSays"},
    {Defect::SegmentsOffByOne, "Split.IsWhatTheModelSays"},
    {Defect::SplitIgnoresGaps, "Split.IsWhatTheModelSays"},
    {Defect::DiscardNotAligned, "RequestDisk.SplitsToItsLimits"},
    {Defect::WriteZeroesNotSplit, "RequestDisk.SplitsToItsLimits"},
    {Defect::FrontMayMerge, "RequestDisk.TheFrontOfASplitIsNotMerged"},
    {Defect::NowaitIsSplit, "RequestDisk.NowaitIsNotSplit"},
    {Defect::FuaLost, "RequestDisk.FlushesAndFuaWithoutFua"},
    {Defect::PreflushOfDataLost, "RequestDisk.FlushesAndFuaWithoutFua"},
    {Defect::PreflushErrorIgnored, "RequestDisk.AnErrorOfAnyStepEndsTheBio"},
    {Defect::PlugKeptWhileWaiting, "Plug.IsLetGoBeforeTheTaskWaitsForAFreeze"},
    {Defect::ThrottleReorders, "Throttle.BiosPassAtTheRateInOrder"},
    {Defect::LockForFlaggedBios, "Interpose.ASuspendWaitsForAWorkersBios"},
    {Defect::NoLockForRecursion, "Interpose.UnderAStackedDevice"},
    {Defect::FlagHidesSecond, "Interpose.AVolumeAndItsDisk"},
    {Defect::TailAppend, "Interpose.LowestLevelFirst"},
};

// The number of the run that does not finish, 0 if all do.
u64 found_after(const Mutant& mutant, std::string& how) {
  planted_defects = {};
  planted_defects.set(static_cast<std::size_t>(mutant.defect));
  const testing::Scenario scenario = testing::scenarios().at(mutant.scenario);
  u64 found = 0;
  for (u64 seed = 1; seed <= kBudgetRuns && found == 0; ++seed) {
    const rt::Outcome outcome = rt::run({.seed = seed}, scenario);
    if (outcome.end == rt::End::Finished) continue;
    found = seed;
    how = describe(outcome);
  }
  planted_defects = {};
  return found;
}

TEST(Mutants, EachIsFound) {
  for (const Mutant& mutant : kMutants) {
    const DefectInfo& info = defect_table()[static_cast<std::size_t>(mutant.defect)];
    std::string how;
    const u64 runs = found_after(mutant, how);
    EXPECT_NE(runs, 0U) << info.name << ": " << info.what << ": not found by " << mutant.scenario;
    RecordProperty(std::string(info.name), static_cast<int>(runs));
  }
}

TEST(Mutants, NoneOfTheBlockCoreIsLeftOut) {
  for (const DefectInfo& info : defect_table()) {
    if (info.where != "block") continue;
    EXPECT_NE(std::ranges::find(kMutants, info.defect, &Mutant::defect), std::end(kMutants))
        << info.name << " has no scenario that finds it";
  }
}

}  // namespace
}  // namespace bioscope::blk
