// SPDX-License-Identifier: Apache-2.0
#include "harness/mutants/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bioscope {
namespace {

constexpr u64 kBudgetPlays = 400;

// Those that traces do not find yet, each with a scenario of its own.
constexpr std::array kScenarios{
    Defect::AttachWithoutFreeze,
    Defect::ResumeLeavesFrozen,
    Defect::ReloadDetaches,
    Defect::NoLockForRecursion,
    Defect::HelperIoRedirected,
    Defect::EndCheckOffByOne,
    Defect::RemapTwice,
    Defect::SetDevKeepsRemapped,
    Defect::CloneKeepsRemapped,
    Defect::PointerBeforeEntry,
    Defect::AttachSkipsQueueFreeze,
    Defect::DetachDoesNotWait,
    Defect::NoUnremap,
    Defect::BypassPassesDisk,
    Defect::FreezeDoesNotWait,
    Defect::UnfreezeAtFirst,
    Defect::ThawAtFirst,
    Defect::FailedFreezeCounts,
    Defect::FailedFreezeHoldsWriters,
    Defect::ChildErrorOverParents,
    Defect::MaxSectorsOffByOne,
    Defect::SplitIgnoresChunk,
    Defect::ChunkOffByOne,
    Defect::SegmentsOffByOne,
    Defect::SplitIgnoresGaps,
    Defect::DiscardNotAligned,
    Defect::WriteZeroesNotSplit,
    Defect::FrontMayMerge,
    Defect::NowaitIsSplit,
    Defect::FuaLost,
    Defect::PreflushOfDataLost,
    Defect::PreflushErrorIgnored,
    Defect::PlugKeptWhileWaiting,
    Defect::ThrottleReorders,
    Defect::LastChunkNotCopied,
    Defect::FullChunkCopies,
    Defect::CommitsOutOfOrder,
    Defect::CommitWithoutFlush,
    Defect::AreaNotZeroed,
    Defect::MergeDropsEarly,
    Defect::MergeErrorIgnored,
    Defect::HandoverUndrained,
    Defect::HandoverActiveLate,
    Defect::DiscardCrossesChunk,
    Defect::DestroyedWhileCopying,
    Defect::SuspendSkipsSrcu,
    Defect::PostsuspendBeforeDrain,
    Defect::InterruptedSuspendStays,
    Defect::DeferredLifo,
    Defect::NowaitDeferred,
    Defect::ReadaheadDeferred,
    Defect::RequeueAtTail,
    Defect::PushBackNeverWins,
    Defect::IoBeforeResume,
    Defect::InactiveLost,
    Defect::FlushErrorForgotten,
    Defect::LimitsNotStacked,
    Defect::AttachDrainsNoMapped,
    Defect::PartitionsNotFrozen,
    Defect::OriginalNotFrozen,
    Defect::DetachKeepsDeferred,
    Defect::HotRemoveKeepsDeferred,
    Defect::StripePartialChunk,
    Defect::StripeFlushFirstOnly,
    Defect::DelayTimerForgotten,
    Defect::DelayReverses,
    Defect::DelayStatusSwapped,
    Defect::FlakeyKillsFlush,
    Defect::FlakeyNextByte,
    Defect::LogBeforeCompletion,
    Defect::LogSuperFirst,
    Defect::EraIssuesBeforeCommit,
    Defect::EraNeverCommits,
    Defect::EraCommitErrorIgnored,
    Defect::LockForFlaggedBios,
};

}  // namespace

std::vector<Mutant> mutant_catalogue() {
  std::vector<Mutant> mutants;
  for (const DefectInfo& info : defect_table()) {
    Mutant mutant{info, MutantCheck::Traces, kBudgetPlays};
    if (std::ranges::find(kScenarios, info.defect) != kScenarios.end()) {
      mutant.check = MutantCheck::Scenarios;
    }
    mutants.push_back(mutant);
  }
  return mutants;
}

Result<std::vector<Mutant>> choose_mutants(std::span<const std::string> names) {
  std::vector<Mutant> all = mutant_catalogue();
  if (names.empty()) return all;
  std::vector<Mutant> chosen;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(all, name, [](const Mutant& m) { return m.info.name; });
    if (found == all.end()) {
      return bad_input(
          fmt::format("there is no mutant '{}': bioscope mutants list names them", name));
    }
    chosen.push_back(*found);
  }
  return chosen;
}

std::string_view word_of(MutantCheck check) {
  return check == MutantCheck::Traces ? "traces" : "scenarios";
}

}  // namespace bioscope
