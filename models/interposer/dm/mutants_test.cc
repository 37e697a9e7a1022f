// SPDX-License-Identifier: Apache-2.0
// Every defect that is planted in the DM core is found by the program that is named here, which
// passes when none is planted.
#include <gtest/gtest-spi.h>

#include <algorithm>

#include "models/interposer/dm/dm_test_machine.h"
#include "models/interposer/variants.h"

namespace bioscope::dm {
namespace {

constexpr u64 kBudgetRuns = 3000;

struct Mutant {
  Defect defect;
  std::string_view program;
};

constexpr Mutant kMutants[] = {
    {Defect::AttachWithoutFreeze, "Attach.FileSystemWritesThroughEverything"},
    {Defect::AttachTestInverted, "Attach.RedirectsAndLetsGo"},
    {Defect::ResumeLeavesFrozen, "Attach.FreezesFileSystems"},
    {Defect::ReloadDetaches, "Attach.NothingPassesBy"},
    {Defect::HelperIoRedirected, "Copies.PassBelowASuspendedInterposer"},
    {Defect::RemoveSkipsOpenCheck, "Attach.RemoveMeetsOpeners"},
    {Defect::ReloadClearsFlag, "Attach.PlainTableDetaches"},
    {Defect::FailedAttachFlows, "Attach.FailsWithoutATrace"},
    {Defect::EmptyTableAccepted, "Ioctl.LoadRefuses"},
    {Defect::LimitsNotChecked, "Attach.UnawareWritersAreMeasured"},
    {Defect::BracketPrefixLoose, "Attach.LoadRefuses"},
    {Defect::SuspendSkipsDrain, "Suspend.WaitsForThoseInside"},
    {Defect::SuspendSkipsSrcu, "Suspend.NobodyIsInsideAfterwards"},
    {Defect::PostsuspendBeforeDrain, "Suspend.CallsTargetsInOrder"},
    {Defect::InterruptedSuspendStays, "Suspend.IsUndoneWhenInterrupted"},
    {Defect::DeferredLifo, "Suspend.HoldsBack"},
    {Defect::DeferredNotKicked, "Submit.DataFollowsItsFlush"},
    {Defect::NowaitDeferred, "Suspend.HoldsBack"},
    {Defect::ReadaheadDeferred, "Suspend.HoldsBack"},
    {Defect::RequeueAtTail, "Suspend.PushesBackUnderNoflush"},
    {Defect::PushBackNeverWins, "Suspend.PushBackOutdoesErrors"},
    {Defect::PreresumeAfterResume, "Suspend.CallsTargetsInOrder"},
    {Defect::IoBeforeResume, "Suspend.FailedPreresumeStaysSuspended"},
    {Defect::SwapWhileLive, "Suspend.CallsTargetsInOrder"},
    {Defect::FailedSwapKeepsTable, "Ioctl.FailedSwapDestroysTheTable"},
    {Defect::InactiveLost, "Suspend.IsUndoneWhenInterrupted"},
    {Defect::SizeOffByOne, "Submit.NoTableNoIo"},
    {Defect::SplitPastTarget, "Submit.SplitsAtTargets"},
    {Defect::MaxIoLenOffByOne, "Submit.SplitsAtMaxIoLen"},
    {Defect::RemainderLost, "Submit.SplitsAtTargets"},
    {Defect::RemainderOffByOne, "Submit.SplitsAtTargets"},
    {Defect::FlushFirstTargetOnly, "Submit.FlushesEveryTarget"},
    {Defect::FlushErrorForgotten, "Submit.FailedFlushIsTold"},
    {Defect::CloneErrorDropped, "Submit.ErrorsOfPiecesArrive"},
    {Defect::DrainWakeMissed, "Suspend.WaitsForThoseInside"},
    {Defect::LoadKeepsInactive, "Ioctl.LaterLoadReplacesAndClearDrops"},
    {Defect::ClearKeepsInactive, "Ioctl.LaterLoadReplacesAndClearDrops"},
    {Defect::RenameForgotten, "Ioctl.RenamesAndIdentifies"},
    {Defect::RemoveOpenDevice, "Ioctl.RemoveMeetsOpeners"},
    {Defect::DeferredRemoveForgotten, "Ioctl.RemoveMeetsOpeners"},
    {Defect::TableGapAccepted, "Ioctl.LoadRefuses"},
    {Defect::LimitsNotStacked, "Submit.LimitsAreStacked"},
    {Defect::AttachDrainsNoMapped, "Attach.MappedDeviceAsOriginal"},
    {Defect::PartitionsNotFrozen, "Attach.FreezesFileSystems"},
    {Defect::OriginalNotFrozen, "Attach.FreezesFileSystems"},
    {Defect::DetachKeepsDeferred, "Attach.RemoveWhileSuspended"},
    {Defect::HotRemoveKeepsDeferred, "Attach.OriginalGoesAway"},
    {Defect::KcopydShort, "Copies.Regions"},
    {Defect::KcopydWriteErrorIgnored, "Copies.ErrorsOfEachSide"},
    {Defect::KcopydReadErrorIgnored, "Copies.ErrorsOfEachSide"},
};

// Whether a run fails, by its own account or by the expectations in it.
bool fails(Program program, u64 seed) {
  testing::TestPartResultArray results;
  const testing::ScopedFakeTestPartResultReporter reporter(
      testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &results);
  const rt::Outcome outcome = run_on_machine(seed, program);
  return outcome.end != rt::End::Finished || results.size() > 0;
}

// The number of the run that fails, 0 if none does.
u64 found_after(const Mutant& mutant) {
  planted_defects = {};
  planted_defects.set(static_cast<std::size_t>(mutant.defect));
  const Program program = programs().at(mutant.program);
  u64 found = 0;
  for (u64 seed = 1; seed <= kBudgetRuns && found == 0; ++seed) {
    if (fails(program, seed)) found = seed;
  }
  planted_defects = {};
  return found;
}

TEST(Mutants, EachIsFound) {
  for (const Mutant& mutant : kMutants) {
    const DefectInfo& info = defect_table()[static_cast<std::size_t>(mutant.defect)];
    const u64 runs = found_after(mutant);
    EXPECT_NE(runs, 0U) << info.name << ": " << info.what << ": not found by " << mutant.program;
    RecordProperty(std::string(info.name), static_cast<int>(runs));
  }
}

TEST(Mutants, NoneOfTheCoreIsLeftOut) {
  for (const DefectInfo& info : defect_table()) {
    if (info.where != "dm") continue;
    EXPECT_NE(std::ranges::find(kMutants, info.defect, &Mutant::defect), std::end(kMutants))
        << info.name << " has no program that finds it";
  }
}

}  // namespace
}  // namespace bioscope::dm
